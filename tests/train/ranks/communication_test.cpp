// The thread that sends and receives for a rank, and what ranks tell each other when one of them ends.

#include <atomic>
#include <chrono>
#include <thread>

#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/train/ranks/mailboxes.h"
#include "train/ranks/agreement.h"
#include "train/ranks/communication.h"

namespace hewn::test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// Calls `body` as each rank, each with a thread for its messages.
void run_with_threads(int ranks, std::chrono::duration<double> timeout,
                      const std::function<void(Communication&)>& body, std::atomic<int>* speaker = nullptr) {
  Mailboxes(ranks, run_seed()).run_each([&](Messages& box) {
    Communication communication([&] { return std::make_unique<Mailboxes::Borrowed>(box); },
                                {.timeout = timeout, .report = [&](const Error&) {
                                   if (speaker) *speaker = speaker->load() * 10 + box.rank() + 1;
                                 }});
    body(communication);
  });
}

std::string code_and_text(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return join(static_cast<int>(error.code()), " ", error.what());
  }
  return "none";
}

const std::string here = " (" + name_of_host() + ")";

}  // namespace

TEST_CASE("a thread delivers what a rank sends and receives", "[ranks]") {
  for (const int size : {1, 2, 4}) {
    run_with_threads(size, 30s, [&](Communication& communication) {
      Ranks ranks(communication, 1 << 16);
      const auto device = make_cpu(1);
      for (int round = 0; round < 5; ++round) {
        const std::string mine(static_cast<size_t>(1 + 40000 * ranks.rank()), static_cast<char>('a' + round));
        const std::vector<std::string> all = ranks.gather(mine);
        for (int rank = 0; rank < size; ++rank)
          require(all[static_cast<size_t>(rank)] ==
                      std::string(static_cast<size_t>(1 + 40000 * rank), static_cast<char>('a' + round)),
                  "rank ", rank, " sent something else");
        Tensor slab = Tensor::from(*device, std::vector<float>(300'000, 1.f), {300'000});
        const Slices slices = ranks.slices(slab.numel(), slab.dtype());
        BucketExchange exchange = ranks.room(*device, slab.dtype(), slices);
        for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket) {
          ranks.start(slab, slices, bucket, exchange);
          ranks.finish(exchange);
        }
        ranks.all_gather(slab, slices);
        for (const float x : slab.values<float>()) require(x == static_cast<float>(size), "the sum is ", x);
      }
      communication.close(true);
    });
  }
}

TEST_CASE("an error of one rank is that of all, under its name", "[ranks]") {
  std::atomic<int> named = 0, speaker = 0;
  run_with_threads(
      4, 30s,
      [&](Communication& communication) {
        Ranks ranks(communication);
        if (ranks.rank() == 2) {
          ranks.gather("");
          communication.give_up(Error(ErrorCode::input, "no such file"));
          return;
        }
        const std::string found = code_and_text([&] {
          for (;;) ranks.gather("");
        });
        named += found == "3 rank 2" + here + ": no such file";
      },
      &speaker);
  CHECK(named == 3);
  CHECK(speaker == 1);  // rank 0 alone
}

TEST_CASE("a rank that is not heard of is missed by all others in time", "[ranks]") {
  std::atomic<int> named = 0, speaker = 0;
  run_with_threads(
      4, 5s,
      [&](Communication& communication) {
        Ranks ranks(communication);
        ranks.gather("one");
        if (ranks.rank() == 0) return std::this_thread::sleep_for(500ms);  // its host becomes known
        const auto begin = Clock::now();
        const std::string found = code_and_text([&] {
          for (;;) ranks.gather("two");
        });
        const std::chrono::duration<double> took = Clock::now() - begin;
        named += found.starts_with("1 rank 0" + here + " has not been heard of for ");
        require(took > 1s && took < 20s, "it took ", took.count(), " s");
      },
      &speaker);
  CHECK(named == 3);
  CHECK(speaker == 2);  // rank 1 alone
}

TEST_CASE("a rank that computes on after another has failed is ended", "[ranks]") {
  std::atomic<bool> ended = false;
  Mailboxes(2, run_seed()).run_each([&](Messages& box) {
    if (box.rank() == 0) {
      Communication communication([&] { return std::make_unique<Mailboxes::Borrowed>(box); },
                                  {.timeout = 1s});
      communication.give_up(Error(ErrorCode::failed, "broken"));
      return;
    }
    Communication communication([&] { return std::make_unique<Mailboxes::Borrowed>(box); },
                                {.timeout = 1s, .stuck = [&](const Error& error) {
                                   ended = error.one_line().find("broken") != std::string::npos;
                                 }});
    for (const auto begin = Clock::now(); !ended && Clock::now() - begin < 20s;)
      std::this_thread::sleep_for(10ms);
  });
  CHECK(ended);
}

TEST_CASE("a rank that the others do not reach in time is ended", "[ranks]") {
  std::atomic<bool> ended = false;
  std::string reported;
  const auto open = [&]() -> std::unique_ptr<Messages> {  // as where another rank was stopped before
    while (!ended) std::this_thread::sleep_for(1ms);
    fail(ErrorCode::failed, "nobody came");
  };
  const auto report = [&](const Error& error) { reported = error.what(); };
  const auto stuck = [&](const Error&) { ended = true; };
  CHECK(code_and_text([&] { Communication(open, {.opening = 100ms, .report = report, .stuck = stuck}); }) ==
        "1 nobody came");
  CHECK(reported.find("could not reach the other ranks within 0.1 seconds") != std::string::npos);
}

TEST_CASE("a rank that another one does not let leave is ended", "[ranks]") {
  std::atomic<bool> ended = false;
  struct Unclosed final
      : Mailboxes::Borrowed {  // as if another rank were stopped after it had said that it leaves
    Unclosed(Messages& box, const std::atomic<bool>& ended) : Borrowed(box), until(ended) {}
    void close(bool in_order) override {
      while (!until) std::this_thread::sleep_for(1ms);
      Borrowed::close(in_order);
    }
    const std::atomic<bool>& until;
  };
  std::string reported;
  Mailboxes(1, run_seed()).run_each([&](Messages& box) {
    Communication communication([&] { return std::make_unique<Unclosed>(box, ended); },
                                {.timeout = 100ms,
                                 .report = [&](const Error& error) { reported = error.what(); },
                                 .stuck = [&](const Error&) { ended = true; }});
    communication.close(true);
  });
  CHECK(reported == "all ranks have finished, but one of them has not disconnected within 0.1 seconds");
}

TEST_CASE("leaving waits for all ranks, and throws if one has failed", "[ranks]") {
  std::atomic<int> arrived = 0, named = 0;
  run_with_threads(2, 30s, [&](Communication& communication) {
    std::this_thread::sleep_for(100ms * communication.rank());
    ++arrived;
    communication.close(true);
    require(arrived == 2, "rank ", communication.rank(), " left alone");
  });
  run_with_threads(2, 30s, [&](Communication& communication) {
    if (communication.rank() == 1) {
      communication.give_up(Error(ErrorCode::memory, "too large"));
      return;
    }
    named += code_and_text([&] { communication.close(true); }) == "4 rank 1" + here + ": too large";
  });
  CHECK(named == 1);
}

TEST_CASE("ranks that differ are named with what to do", "[ranks]") {
  const auto differ = [](const std::string& isa, int order) {
    std::string found;
    Mailboxes(2, 1).run([&](Ranks& ranks) {
      const std::vector<RankFact> facts{
          {"the version", "1", "install the same", 0},
          ranks.rank() == 0 ? RankFact{"the instruction set", "avx512", "set HEWN_ISA=avx512", 2}
                            : RankFact{"the instruction set", isa, "set HEWN_ISA=" + isa, order}};
      const std::string mine = code_and_text([&] { require_agreement(ranks, facts); });
      if (ranks.rank() == 0) found = mine;
    });
    return found;
  };
  CHECK(differ("avx512", 2) == "none");
  CHECK(differ("avx2", 1) == "2 rank 1" + here + " has avx2 for the instruction set, but rank 0" + here +
                                 " has avx512; set HEWN_ISA=avx2");
  CHECK(differ("amx", 3) == "2 rank 1" + here + " has amx for the instruction set, but rank 0" + here +
                                " has avx512; set HEWN_ISA=avx512");
}

}  // namespace hewn::test

// Messages over sockets: sizes, orders, and connections that end.

#include "train/ranks/sockets/socket_messages.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <string>
#include <thread>

#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/train/ranks/sockets/pairs.h"
#include "train/ranks/communication.h"
#include "train/ranks/ranks.h"

namespace hewn::test {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes_to_send(const std::string& text) { return std::as_bytes(std::span(text)); }
std::span<std::byte> room_in(std::string& text) { return std::as_writable_bytes(std::span(text)); }

/// Text that differs from place to place and from seed to seed.
std::string message_of(size_t bytes, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(bytes, '\0');
  for (size_t i = 0; i < bytes; i += 1 + bytes / 1000) text[i] = static_cast<char>(random());
  return text;
}

}  // namespace

TEST_CASE("sockets: messages of any length arrive, both ways at once", "[ranks][sockets]") {
  const auto ranks = connected_ranks(2);
  for (const size_t bytes : {size_t{0}, size_t{1}, size_t{100'000}, size_t{50'000'000}}) {
    INFO(bytes << " bytes");
    const std::string a = message_of(bytes, 1), b = message_of(bytes, 2);
    std::string at_a(bytes, 'x'), at_b(bytes, 'x');
    finish({{ranks[0].get(), ranks[0]->send(1, Topic::gradients, bytes_to_send(a))},
            {ranks[1].get(), ranks[1]->send(0, Topic::gradients, bytes_to_send(b))},
            {ranks[0].get(), ranks[0]->receive(1, Topic::gradients, room_in(at_a))},
            {ranks[1].get(), ranks[1]->receive(0, Topic::gradients, room_in(at_b))}});
    CHECK((at_a == b));
    CHECK((at_b == a));
  }
}

TEST_CASE("sockets: a message that nobody expects holds up no other topic", "[ranks][sockets]") {
  const auto ranks = connected_ranks(2);
  const std::string large = message_of(20'000'000, 1);
  std::string notice = "here", small = "four", got(4, '\0'), got_large(large.size(), '\0');
  const auto unexpected = ranks[0]->send(1, Topic::gradients, bytes_to_send(large));
  for (const Topic topic : {Topic::notices, Topic::contents, Topic::values}) {
    const std::string& text = topic == Topic::notices ? notice : small;
    finish({{ranks[0].get(), ranks[0]->send(1, topic, bytes_to_send(text))},
            {ranks[1].get(), ranks[1]->receive(0, topic, room_in(got))}});
    CHECK(got == text);
  }
  CHECK(!is_done_soon(*ranks[0], unexpected));
  finish({{ranks[0].get(), unexpected},
          {ranks[1].get(), ranks[1]->receive(0, Topic::gradients, room_in(got_large))}});
  CHECK((got_large == large));
}

TEST_CASE("sockets: a notice overtakes a long message under way", "[ranks][sockets]") {
  const auto ranks = connected_ranks(2);
  const std::string large = message_of(200'000'000, 1), notice = "here";
  std::string got(4, '\0'), got_large(large.size(), '\0');
  const auto receiving = ranks[1]->receive(0, Topic::gradients, room_in(got_large));
  const auto sending = ranks[0]->send(1, Topic::gradients, bytes_to_send(large));
  const auto noticing = ranks[1]->receive(0, Topic::notices, room_in(got));
  const auto telling = ranks[0]->send(1, Topic::notices, bytes_to_send(notice));
  finish({{ranks[0].get(), telling}, {ranks[1].get(), noticing}});
  CHECK(!ranks[1]->done(receiving));
  finish({{ranks[0].get(), sending}, {ranks[1].get(), receiving}});
  CHECK((got_large == large));
}

TEST_CASE("sockets: random messages of all topics arrive in the order of their topic", "[ranks][sockets]") {
  const int size = 3, count = 400;
  auto ranks = connected_ranks(size);
  const uint64_t seed = run_seed();
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (int me = 0; me < size; ++me)
    threads.emplace_back([&, me] {
      // Both sides know which messages there are; each posts them in an order of topics of its own.
      std::mt19937_64 order(seed + static_cast<uint64_t>(me));
      std::vector<std::string> sent, expected, got;
      const auto plan = [&](int from, int to) {
        std::mt19937_64 random(seed + static_cast<uint64_t>(10 * from + to));
        std::vector<std::vector<size_t>> topics(5);
        for (int i = 0; i < count; ++i)
          topics[random() % 5].push_back(random() % 20 == 0 ? random() % 2'000'000 : random() % 100);
        return topics;
      };
      struct Post {
        int peer;
        Topic topic;
        bool sends;
        std::string text, expected;
      };
      std::vector<std::vector<Post>> queues;
      for (int peer = 0; peer < size; ++peer)
        for (const bool sends : {true, false}) {
          if (peer == me) continue;
          const auto topics = sends ? plan(me, peer) : plan(peer, me);
          for (size_t topic = 0; topic < 5; ++topic) {
            std::vector<Post>& queue = queues.emplace_back();
            for (const size_t bytes : topics[topic]) {
              const std::string text = message_of(bytes, bytes + topic);
              queue.push_back(
                  {peer, static_cast<Topic>(topic), sends, sends ? text : std::string(bytes, '\0'), text});
            }
          }
        }
      Pending pending;
      SocketMessages& mine = *ranks[static_cast<size_t>(me)];
      std::vector<size_t> next(queues.size());
      for (size_t left = queues.size(); left > 0;) {
        const size_t i = order() % queues.size();
        if (next[i] > queues[i].size()) continue;
        if (next[i] == queues[i].size()) {
          --left, ++next[i];
          continue;
        }
        Post& post = queues[i][next[i]++];
        pending.emplace_back(&mine, post.sends ? mine.send(post.peer, post.topic, bytes_to_send(post.text))
                                               : mine.receive(post.peer, post.topic, room_in(post.text)));
      }
      finish(std::move(pending));
      for (const auto& queue : queues)
        for (const Post& post : queue) wrong += post.text != post.expected;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE("sockets: ranks exchange texts and gradients over them", "[ranks][sockets]") {
  auto transports = connected_ranks(4);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (auto& transport : transports)
    threads.emplace_back([&right, &transport] {
      Communication communication([&] { return std::move(transport); }, {.timeout = 20s});
      Ranks ranks(communication);
      for (int round = 0; round < 20; ++round) {
        const auto all = ranks.gather(std::string(static_cast<size_t>(ranks.rank() * 1000), 'a'));
        for (size_t i = 0; i < 4; ++i) right += all[i].size() == i * 1000;
      }
      communication.close(true);
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 4 * 20 * 4);
}

TEST_CASE("sockets: a rank that disappears is lost, and the others go on", "[ranks][sockets]") {
  const auto ranks = connected_ranks(3);
  std::string text = "text", got(4, '\0');
  const auto never = ranks[0]->receive(1, Topic::values, room_in(got));
  ranks[1]->close(false);
  CHECK(!is_done_soon(*ranks[0], never));
  CHECK(ranks[0]->lost(1));
  CHECK(!ranks[0]->lost(2));
  CHECK(!ranks[0]->lost(0));
  ranks[0]->rest();
  (void)ranks[0]->send(1, Topic::contents, bytes_to_send(text));  // does nothing
  finish({{ranks[0].get(), ranks[0]->send(2, Topic::values, bytes_to_send(text))},
          {ranks[2].get(), ranks[2]->receive(0, Topic::values, room_in(got))}});
  CHECK(got == text);
}

TEST_CASE("sockets: when a rank disappears, all others throw an error that names it", "[ranks][sockets]") {
  auto transports = connected_ranks(4);
  std::vector<std::thread> threads;
  std::atomic<int> named = 0, speaker = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (auto& transport : transports)
    threads.emplace_back([&named, &speaker, &transport] {
      const int me = transport->rank();
      Communication communication([&] { return std::move(transport); },
                                  {.timeout = 30s, .report = [&speaker, me](const Error&) {
                                     speaker = speaker.load() * 10 + me + 1;
                                   }});
      Ranks ranks(communication);
      ranks.gather("one");
      if (me == 0) return communication.close(false);
      const auto error = error_of([&] {
        for (;;) ranks.gather("two");
      });
      named += error && error->code() == ErrorCode::failed && contains(error->what(), "rank 0 ") &&
               contains(error->what(), "has ended");
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(named == 3);
  CHECK(speaker == 2);  // rank 1 alone reports it
  CHECK(std::chrono::steady_clock::now() - begin < 15s);
}

TEST_CASE("sockets: what was sent before the end arrives", "[ranks][sockets]") {
  auto ranks = connected_ranks(2);
  std::string text = message_of(100'000, 3), got(text.size(), '\0');
  std::string never(10, '\0');
  (void)ranks[0]->receive(1, Topic::sizes, room_in(never));
  const auto receiving = ranks[1]->receive(0, Topic::values, room_in(got));
  const auto sending = ranks[0]->send(1, Topic::values, bytes_to_send(text));
  while (!ranks[0]->done(sending)) ranks[1]->rest();
  std::thread other([&] { ranks[0]->close(true); });
  std::this_thread::sleep_for(50ms);
  CHECK(is_done_soon(*ranks[1], receiving, 10s));
  ranks[1]->close(true);
  other.join();
  CHECK((got == text));
}

TEST_CASE("sockets: a rank that ends while its memory is read has sent nothing", "[ranks][sockets]") {
  const auto ranks = connected_ranks(2);
  const std::string text = message_of(1'000'000, 1);
  std::string got(text.size(), '\0');
  const auto receiving = ranks[0]->receive(1, Topic::values, room_in(got));
  const auto sending = ranks[1]->send(0, Topic::values, bytes_to_send(text));
  CHECK(!ranks[1]->done(sending));  // it is offered
  ranks[1]->close(false);
  CHECK(!is_done_soon(*ranks[0], receiving));
  CHECK(ranks[0]->lost(1));
}

namespace {

/// Rank 0 of two, and the socket of rank 1, which the test reads and writes.
struct Raw {
  Socket theirs;
  std::unique_ptr<SocketMessages> messages;

  Raw() {
    std::vector<Socket> sockets(2);
    std::tie(sockets[1], theirs) = connected_sockets();
    messages = std::make_unique<SocketMessages>(0, std::move(sockets));
  }
  void write(const std::string& text) { REQUIRE(write_now(theirs, bytes_to_send(text)) == text.size()); }
  /// What rank 0 has written so far, at most as many bytes.
  std::string read(size_t most) {
    std::string text(most, '\0');
    const auto n = read_now(theirs, room_in(text));
    text.resize(n.value_or(0));
    return text;
  }
};

constexpr uint16_t grant = 1, piece = 2, offer = 3, taken = 4;
constexpr auto values = static_cast<uint16_t>(Topic::values),
               gradients = static_cast<uint16_t>(Topic::gradients);

std::string frame(uint16_t kind, uint16_t topic, int32_t process, uint64_t message, uint64_t more) {
  std::string text(24, '\0');
  const auto put = [&](size_t at, auto number) { std::memcpy(text.data() + at, &number, sizeof number); };
  put(0, kind), put(2, topic), put(4, process), put(8, message), put(16, more);
  return text;
}

}  // namespace

TEST_CASE("sockets: where memory cannot be read, messages are sent", "[ranks][sockets]") {
  const std::string text = message_of(100'000, 1);
  SECTION("by the other rank") {
    const uint64_t read = GENERATE(uint64_t{0}, uint64_t{4096});  // before the system refuses
    Raw raw;
    const auto sending = raw.messages->send(1, Topic::values, bytes_to_send(text));
    CHECK((raw.read(1000) ==
           frame(offer, values, ::getpid(), text.size(), reinterpret_cast<uintptr_t>(text.data()))));
    raw.write(frame(grant, values, 0, text.size(), 0));
    CHECK(!raw.messages->done(sending));
    raw.write(frame(taken, values, 0, read, 0));
    CHECK(is_done_soon(*raw.messages, sending, 5s));
    CHECK((raw.read(text.size() + 1000) ==
           frame(piece, values, 0, text.size(), text.size() - read) + text.substr(read)));
  }
  SECTION("by this rank") {
    Raw raw;
    std::string got(text.size(), '\0');
    const auto receiving = raw.messages->receive(1, Topic::values, room_in(got));
    CHECK((raw.read(1000) == frame(grant, values, 0, text.size(), 0)));
    raw.write(frame(offer, values, ::getpid(), text.size(), 1));
    CHECK(!raw.messages->done(receiving));
    CHECK((raw.read(1000) == frame(taken, values, 0, 0, 0)));
    raw.write(frame(piece, values, 0, text.size(), text.size()) + text);
    CHECK(is_done_soon(*raw.messages, receiving, 5s));
    CHECK((got == text));
  }
}

TEST_CASE("sockets: what is no message is an error that names the rank", "[ranks][sockets]") {
  const auto check = [](const std::string& garbage, const std::string& expected) {
    Raw raw;
    std::string got(8, '\0'), long_one(100'000, '\0');
    const auto receiving = raw.messages->receive(1, Topic::values, room_in(got));
    (void)raw.messages->receive(1, Topic::gradients, room_in(long_one));
    raw.write(garbage);
    INFO(garbage);
    CHECK(
        fails(ErrorCode::failed, {"rank 1 ", expected}, [&] { is_done_soon(*raw.messages, receiving, 5s); }));
  };
  check("SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "sends something that is no message");
  check(frame(5, values, 0, 8, 8), "sends something that is no message");
  check(frame(piece, 5, 0, 8, 8), "sends something that is no message");
  check(frame(piece, 40'000, 0, 8, 8), "sends something that is no message");
  check(frame(piece, values, 0, 9, 9), "sends a message that was not expected");
  check(frame(piece, values, 0, 8, 9), "sends a message that was not expected");
  check(frame(piece, values, 0, 8, UINT64_MAX), "sends a message that was not expected");
  check(frame(piece, values, 0, 8, 0), "sends a message that was not expected");
  check(frame(piece, static_cast<uint16_t>(Topic::sizes), 0, 8, 8), "sends a message that was not expected");
  check(frame(taken, values, 0, 0, 0), "sends an answer to no offer");
  check(frame(offer, gradients, ::getpid(), 99'999, 1), "sends a message that was not expected");
  check(frame(offer, gradients, 0, 100'000, 1), "sends a message that was not expected");
}

TEST_CASE("sockets: a rank has no connection to itself, nor to ranks that do not exist", "[ranks][sockets]") {
  const auto ranks = connected_ranks(2);
  std::string text = "text";
  for (const int other : {-1, 1, 2})
    CHECK(fails(ErrorCode::usage, {join("rank 1 has no connection to rank ", other)},
                [&] { (void)ranks[1]->send(other, Topic::values, bytes_to_send(text)); }));
}

TEST_CASE("sockets: resting goes on with what leaves, and ends at once if something is done",
          "[ranks][sockets]") {
  const auto ranks = connected_ranks(2);
  const std::string large = message_of(20'000'000, 1), small = "four";
  std::string got(large.size(), '\0'), got_small(4, '\0');
  const auto sending = ranks[0]->send(1, Topic::gradients, bytes_to_send(large));
  std::thread other([&] {
    finish({{ranks[1].get(), ranks[1]->receive(0, Topic::gradients, room_in(got))}});
    finish({{ranks[1].get(), ranks[1]->receive(0, Topic::values, room_in(got_small))}});
  });
  while (!ranks[0]->done(sending)) ranks[0]->rest();
  const auto quick = ranks[0]->send(1, Topic::values, bytes_to_send(small));
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 300; ++i) ranks[0]->rest();  // nothing arrives for which it would wait 10 ms
  CHECK(std::chrono::steady_clock::now() - begin < 1500ms);
  CHECK(ranks[0]->done(quick));
  other.join();
  CHECK((got == large));
  CHECK(got_small == small);
}

TEST_CASE("sockets: a message of another length than its memory is an error", "[ranks][sockets]") {
  const std::pair<size_t, size_t> lengths =
      GENERATE(std::pair(4, 5), std::pair(4, 100'000), std::pair(100'000, 5));
  const auto ranks = connected_ranks(2);
  std::string text(lengths.first, 'x'), got(lengths.second, '\0');
  (void)ranks[1]->receive(0, Topic::values, room_in(got));
  const auto action = [&] {
    is_done_soon(*ranks[0], ranks[0]->send(1, Topic::values, bytes_to_send(text)), 5s);
  };
  CHECK(fails(ErrorCode::failed,
              {join("rank 1 expects a message of ", got.size(), " bytes, but this rank sends ", text.size())},
              action));
}

}  // namespace hewn::test

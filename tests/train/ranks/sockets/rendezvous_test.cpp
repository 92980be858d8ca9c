// Processes that find each other through files, played by threads.

#include "train/ranks/sockets/rendezvous.h"

#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <thread>

#include "core/io/checksum.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/train/ranks/sockets/pairs.h"
#include "train/ranks/ranks.h"
#include "train/ranks/sockets/handshake.h"

namespace hewn::test {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

/// What became of a process.
struct Outcome {
  int rank = 0;
  std::string others;  // the ranks that have answered it, in order
  std::optional<Error> error;
};

/// Meets as these processes at once, each of which exchanges its rank with the others. `meanwhile` is called as soon as
/// they have begun.
std::vector<Outcome> meet_as(
    const std::vector<Rendezvous>& processes, const std::function<void()>& meanwhile = [] {}) {
  std::vector<Outcome> outcomes(processes.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < processes.size(); ++i)
    threads.emplace_back([&, i] {
      outcomes[i].rank = processes[i].rank;
      outcomes[i].error = error_of([&] {
        const auto messages = connect_through_files(processes[i]);
        Ranks ranks(*messages);
        for (const std::string& one : ranks.gather(join(ranks.rank()))) outcomes[i].others += one;
        messages->close(true);
      });
    });
  meanwhile();
  for (std::thread& thread : threads) thread.join();
  return outcomes;
}

std::vector<Rendezvous> processes_in(const TempDir& dir, int size,
                                     std::chrono::duration<double> timeout = 30s) {
  std::vector<Rendezvous> all;
  for (int rank = 0; rank < size; ++rank)
    all.push_back({.directory = (dir / "meet").string(), .rank = rank, .size = size, .timeout = timeout});
  return all;
}

void check_met(const std::vector<Outcome>& outcomes) {
  for (const Outcome& one : outcomes) {
    INFO("rank " << one.rank << ": " << (one.error ? one.error->what() : "no error"));
    CHECK(!one.error);
    CHECK(one.others == std::string("01234567").substr(0, outcomes.size()));
  }
}

/// Waits for the file of a rank, at most 10 s.
RankAddress address_of(const RankFiles& files, int rank) {
  for (int tries = 0; tries < 1000; ++tries) {
    if (const auto found = files.read(rank)) return *found;
    std::this_thread::sleep_for(10ms);
  }
  throw Error(ErrorCode::failed, "no file");
}

void send_text(const Socket& socket, std::string_view text) {
  (void)write_now(socket, std::as_bytes(std::span(text.data(), text.size())));
}

/// The bytes of a message of the handshake.
template <class Message>
std::string text_of_message(const Message& message) {
  return {reinterpret_cast<const char*>(&message), sizeof message};
}

}  // namespace

TEST_CASE("rendezvous: processes find each other, and remove their files", "[ranks][sockets]") {
  for (const int size : {1, 2, 4, 8}) {
    const TempDir dir;
    check_met(meet_as(processes_in(dir, size)));
    CHECK(fs::is_empty(dir / "meet"));
    check_met(meet_as(processes_in(dir, size)));  // and once more
  }
}

TEST_CASE("rendezvous: the ranks that do not appear are named", "[ranks][sockets]") {
  const TempDir dir;
  auto processes = processes_in(dir, 4, 1s);
  const auto outcomes = meet_as({processes[0], processes[2]});
  for (const Outcome& one : outcomes) {
    REQUIRE(one.error);
    INFO(one.error->what());
    CHECK(one.error->code() == ErrorCode::failed);
    CHECK(contains(one.error->what(),
                   join("rank ", one.rank, " of 4 has waited 1 s, but ranks 1, 3 have not")));
  }
  CHECK(fs::is_empty(dir / "meet"));
}

TEST_CASE("rendezvous: ranks that have files but do not answer are told from those that have none",
          "[ranks][sockets]") {
  const TempDir dir;
  const auto processes = processes_in(dir, 4, 1s);
  const RankFiles files(processes[0].directory, "run", 0);
  Endpoint gone{.host = "127.0.0.1", .port = 0};
  listen_at(gone).close();
  files.write(0, {.endpoint = gone, .token = random_token()});
  const auto error_of_rank_2 = [&] { return join(meet_as({processes[2]})[0].error.value().what()); };
  CHECK(contains(error_of_rank_2(),
                 "ranks 1, 3 have not appeared, and rank 0, whose file is there, cannot be reached"));
  files.write(1, {.endpoint = gone, .token = random_token()});
  files.write(3, {.endpoint = gone, .token = random_token()});
  CHECK(contains(error_of_rank_2(), "but ranks 0, 1, 3, whose files are there, cannot be reached"));
}

TEST_CASE("rendezvous: a rank whose file was removed does not take that for another process",
          "[ranks][sockets]") {
  const TempDir dir;
  const auto processes = processes_in(dir, 2, 1s);
  const RankFiles files(processes[0].directory, "run", 0);
  const auto outcome = meet_as({processes[1]}, [&] { files.remove(1, address_of(files, 1).token); })[0];
  REQUIRE(outcome.error);
  CHECK(contains(outcome.error->what(), "rank 1 of 2 has waited 1 s, but rank 0 has not appeared"));
  CHECK(fs::is_empty(dir / "meet"));
}

TEST_CASE("rendezvous: ranks that cannot be are refused", "[ranks][sockets]") {
  const TempDir dir;
  for (const auto& [rank, size] : {std::pair(-1, 2), {2, 2}, {0, 0}, {0, 1025}, {0, -1}})
    CHECK(
        fails(ErrorCode::usage, {join("rank ", rank, " of ", size), "at most 1024"}, [&, r = rank, n = size] {
          (void)meet({.directory = (dir / "meet").string(), .rank = r, .size = n, .timeout = 1s});
        }));
  CHECK_FALSE(fs::exists(dir / "meet"));
}

TEST_CASE("rendezvous: files that others have left do no harm", "[ranks][sockets]") {
  const TempDir dir;
  const auto processes = processes_in(dir, 4);
  const RankFiles files(processes[0].directory, "run", 0);
  // Of ranks that have ended: nobody listens, somebody listens but is silent, or speaks another language.
  Endpoint silent{.host = "127.0.0.1", .port = 0}, talks = silent, gone = silent;
  const Socket silent_socket = listen_at(silent), talking = listen_at(talks);
  listen_at(gone).close();
  files.write(0, {.endpoint = gone, .token = random_token()});
  files.write(1, {.endpoint = talks, .token = random_token()});
  files.write(2, {.endpoint = silent, .token = random_token()});
  write_file(files.path_of(3), "garbage");
  const auto late = [&](int rank, std::chrono::milliseconds delay) {
    std::this_thread::sleep_for(delay);
    return processes[static_cast<size_t>(rank)];
  };
  std::vector<std::thread> threads;
  std::vector<Outcome> outcomes(4);
  for (const int rank : {3, 2, 1, 0})  // those that call begin before those that they call
    threads.emplace_back(
        [&, rank] { outcomes[static_cast<size_t>(rank)] = meet_as({late(rank, 300ms * (3 - rank))})[0]; });
  const auto begin = std::chrono::steady_clock::now();
  for (std::vector<Socket> strangers; std::chrono::steady_clock::now() - begin < 1s;) {
    Socket stranger = accept_from(talking);
    if (!stranger.is_open()) continue;
    const AnswerMessage wrong_token{.token = random_token(), .size = 4};
    if (strangers.size() % 2 == 0)
      send_text(stranger, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3, with more than an answer has\r\n");
    else
      send_text(stranger, text_of_message(wrong_token));
    strangers.push_back(std::move(stranger));
  }
  for (std::thread& thread : threads) thread.join();
  check_met(outcomes);
  CHECK(fs::is_empty(dir / "meet"));
}

TEST_CASE("rendezvous: attempts and runs are told apart", "[ranks][sockets]") {
  const TempDir dir;
  auto processes = processes_in(dir, 2);
  const RankFiles earlier(processes[0].directory, "run", 2), other(processes[0].directory, "other", 0);
  Endpoint at{.host = "127.0.0.1", .port = 0};
  const Socket listener = listen_at(at);
  for (int rank = 0; rank < 4; ++rank) {
    earlier.write(rank, {.endpoint = at, .token = random_token()});
    other.write(rank, {.endpoint = at, .token = random_token()});
  }
  for (Rendezvous& process : processes) process.attempt = 3;
  check_met(meet_as(processes));
  CHECK(!accept_from(listener).is_open());
  CHECK(!earlier.read(0));
  CHECK(!earlier.read(3));
  CHECK(other.read(3));
  // Two runs in one directory at the same time.
  auto both = processes_in(dir, 2), second = both;
  for (Rendezvous& process : second) process.run = "a name with / and other characters";
  both.insert(both.end(), second.begin(), second.end());
  for (const Outcome& one : meet_as(both)) CHECK(one.others == "01");
}

TEST_CASE("rendezvous: strangers who connect are refused, and hold up nobody", "[ranks][sockets]") {
  const TempDir dir;
  const auto processes = processes_in(dir, 2);
  const RankFiles files(processes[0].directory, "run", 0);
  std::vector<Socket> strangers;
  std::vector<Outcome> first;
  std::thread rank_0([&] { first = meet_as({processes[0]}); });
  const RankAddress address = address_of(files, 0);
  const auto call = [&](const CallMessage& message) {
    strangers.push_back(start_connecting(address.endpoint));
    send_text(strangers.back(), text_of_message(message));
  };
  for (int i = 0; i < 50; ++i) strangers.push_back(start_connecting(address.endpoint));  // silent
  for (int i = 0; i < 50; ++i) {
    strangers.push_back(start_connecting(address.endpoint));
    send_text(strangers.back(), i % 2 ? "GET / HTTP/1.1\r\n\r\n" : std::string(100'000, 'x'));
  }
  const auto check_disconnected = [](const Socket& stranger) {
    wait_for_bytes(stranger);
    std::byte byte;
    CHECK(!read_now(stranger, {&byte, 1}));
  };
  // By somebody who can read the directory, but has no file there.
  const CallMessage good{.token = address.token, .run = checksum("run"), .from = 1, .to = 0, .size = 2};
  call(good);
  check_disconnected(strangers.back());
  files.write(1, {.endpoint = address.endpoint, .token = random_token()});  // left by another process
  const size_t refused = strangers.size();
  CallMessage bad = good;
  bad.token = random_token(), call(bad);
  bad = good, bad.run = 1, call(bad);
  bad = good, bad.attempt = 1, call(bad);
  bad = good, bad.to = 1, call(bad);
  for (const int from : {0, -1, 2, 1000}) bad = good, bad.from = from, call(bad);
  for (size_t i = refused; i < strangers.size(); ++i) {
    INFO("stranger " << i - refused);
    check_disconnected(strangers[i]);
  }
  call(good);
  wait_for_bytes(strangers.back());
  Arriving<AnswerMessage> answer;
  CHECK(answer.read(strangers.back()) == true);
  CHECK((answer.message().token == files.read(1)->token));
  send_text(strangers.back(), "no confirmation");
  check_disconnected(strangers.back());
  const auto second = meet_as({processes[1]});
  rank_0.join();
  check_met({first[0], second[0]});
}

TEST_CASE("rendezvous: different numbers of processes are an error of both", "[ranks][sockets]") {
  const TempDir dir;
  auto processes = processes_in(dir, 4);
  processes[0].size = 2;
  for (const Outcome& one : meet_as({processes[0], processes[3]})) {
    REQUIRE(one.error);
    INFO(one.error->what());
    CHECK(one.error->code() == ErrorCode::usage);
    CHECK(contains(one.error->what(), "WORLD_SIZE=2"));
    CHECK(contains(one.error->what(), "WORLD_SIZE=4"));
  }
}

TEST_CASE("rendezvous: of two processes with the same rank, one says so", "[ranks][sockets]") {
  const TempDir dir;
  const auto processes = processes_in(dir, 2, 2s);
  const auto outcomes = meet_as({processes[1], processes[1]});
  const bool first_was_replaced = outcomes[0].error && outcomes[0].error->code() == ErrorCode::usage;
  const Outcome &replaced = outcomes[first_was_replaced ? 0 : 1],
                &other = outcomes[first_was_replaced ? 1 : 0];
  REQUIRE(replaced.error);
  REQUIRE(other.error);
  CHECK(contains(replaced.error->what(), "another process was started as rank 1 of the same run"));
  CHECK(contains(replaced.error->what(), "give each process a RANK of its own"));
  CHECK(contains(other.error->what(), "rank 0 has not appeared"));
}

TEST_CASE("rendezvous: a directory that cannot be used is an error", "[ranks][sockets]") {
  const TempDir dir;
  write_file(dir / "meet", "a file");
  CHECK(fails(ErrorCode::failed, {"meet"}, [&] { meet(processes_in(dir, 2)[0]); }));
  Rendezvous far = processes_in(dir, 2)[0];
  far.directory = (dir / "far").string();
  far.address = "203.0.113.1";
  CHECK(fails(ErrorCode::failed, {"203.0.113.1: cannot listen"}, [&] { meet(far); }));
  far.address = "a name";
  CHECK(fails(ErrorCode::failed, {"a name: is no address"}, [&] { meet(far); }));
}

TEST_CASE("rendezvous: files are read as they were written, and others are not", "[ranks][sockets]") {
  const RankAddress address{.endpoint = {.host = "fd00::1", .port = 65535}, .token = random_token()};
  CHECK((parse_rank_address(address.text()) == address));
  const std::string token = "00112233445566778899aabbccddeeff";
  CHECK(parse_rank_address("hewn-rank-1 " + token + " 10.0.0.1 1"));
  for (const std::string& text :
       {std::string(), std::string("hewn-rank-1"), "hewn-rank-2 " + token + " 10.0.0.1 1",
        "hewn-rank-1 " + token + " 10.0.0.1", "hewn-rank-1 " + token + " 10.0.0.1 0",
        "hewn-rank-1 " + token + " 10.0.0.1 65536", "hewn-rank-1 " + token + " 10.0.0.1 -1",
        "hewn-rank-1 " + token + " 10.0.0.1 1x", "hewn-rank-1 " + token + "0 10.0.0.1 1",
        "hewn-rank-1 " + token.substr(1) + " 10.0.0.1 1", "hewn-rank-1 x" + token.substr(1) + " 10.0.0.1 1",
        "hewn-rank-1 " + token + " 10.0.0.1 1 more"}) {
    INFO(text);
    CHECK(!parse_rank_address(text));
  }
  const TempDir dir;
  const RankFiles files((dir / "meet").string(), "run", 0);
  files.write(1, address);
  struct stat status {};
  REQUIRE(::stat(files.path_of(1).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  files.remove(1, random_token());
  CHECK(files.read(1));
  files.remove(1, address.token);
  CHECK(!files.read(1));
}

TEST_CASE("rendezvous: the address of this host depends on the network that leads to another",
          "[ranks][sockets]") {
  CHECK(address_towards("127.0.0.1") == "127.0.0.1");
  CHECK(!address_towards("").empty());
  CHECK(fails(ErrorCode::usage, {"no-such-host.invalid: the host is unknown"},
              [] { address_towards("no-such-host.invalid"); }));
}

}  // namespace hewn::test

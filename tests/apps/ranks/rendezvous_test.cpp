// Training with several processes that were started without MPI, and find each other through a directory.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <thread>

#include "kernels/contract/isa.h"
#include "tests/apps/ranks/train_on.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using Environment = std::map<std::string, std::string>;

/// The environment of a rank; a variable that is "" is unset, as are those that torchrun or the caller may have set.
ProcessOptions as_rank(int rank, int size, const Environment& more = {}) {
  Environment all = more;
  all.insert({{"RANK", std::to_string(rank)},
              {"WORLD_SIZE", std::to_string(size)},
              {"LOCAL_RANK", std::to_string(rank)},
              {"LOCAL_WORLD_SIZE", std::to_string(size)}});
  for (const char* name : {"MASTER_ADDR", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "HEWN_THREADS",
                           "HEWN_SEED", "HEWN_DTYPE"})
    all.insert({name, ""});
  ProcessOptions options;
  options.timeout = 150;
  for (const auto& [name, value] : all)
    if (value.empty())
      options.unset_env.push_back(name);
    else
      options.env[name] = value;
  return options;
}

/// `small_train` for processes that meet in dir/meet.
std::vector<std::string> train_in(const TempDir& dir, const std::vector<std::string>& more = {}) {
  return with({hewn_program().string()},
              train_on(dir, 1, with({"--rendezvous=" + (dir / "meet").string()}, more)));
}

/// The ranks of a run.
class Group {
 public:
  Group(const std::vector<std::string>& words, int size, const Environment& more = {}) {
    for (int rank = 0; rank < size; ++rank)
      ranks_.push_back(std::make_unique<Process>(words, as_rank(rank, size, more)));
  }
  Process& operator[](int rank) { return *ranks_[static_cast<size_t>(rank)]; }
  std::vector<ProcessResult> finish() {
    std::vector<ProcessResult> results;
    for (const auto& rank : ranks_) results.push_back(rank->finish());
    return results;
  }

 private:
  std::vector<std::unique_ptr<Process>> ranks_;
};

void check_done(const std::vector<ProcessResult>& results) {
  for (size_t rank = 0; rank < results.size(); ++rank) {
    INFO("rank " << rank << ": " << results[rank].err);
    CHECK(results[rank].exit_code == 0);
    CHECK(results[rank].out.empty());
    CHECK(results[rank].err.empty() == (rank > 0));
  }
}

/// Waits for a file, at most 30 s.
bool appears(const fs::path& path) {
  for (int tries = 0; tries < 3000 && !fs::exists(path); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return fs::exists(path);
}

/// Whether the last checkpoint is that of the same run by one process.
bool has_bits_of_one(const TempDir& dir, const std::vector<std::string>& more = {}) {
  const TempDir alone;
  REQUIRE(hewn(train_on(alone, 1, more)).exit_code == 0);
  return last_bits(dir / "run") == last_bits(alone / "run");
}

const std::vector<std::string> endless{"--max_iters=1000000", "--eval_interval=5"};

}  // namespace

TEST_CASE("without MPI, 2 and 4 processes write the checkpoint of one", "[ranks][rendezvous]") {
  for (const int size : {2, 4}) {
    const TempDir dir;
    // Beside this copy there is no library for MPI.
    fs::create_directories(dir / "bin");
    fs::copy_file(hewn_program(), dir / "bin/hewn");
    std::vector<std::string> words = train_in(dir);
    words[0] = (dir / "bin/hewn").string();
    Group group(words, size);
    const auto results = group.finish();
    check_done(results);
    CHECK(contains(results[0].err, "rank " + std::to_string(size - 1)));
    CHECK(!contains(results[0].err, "rank " + std::to_string(size)));
    CHECK(fs::is_empty(dir / "meet"));
    CHECK(has_bits_of_one(dir));
  }
}

TEST_CASE("without MPI, 2 processes on emulated GPUs write the checkpoint of one", "[ranks][rendezvous]") {
  if (!emulator_compiled) return skip("this build has no emulated GPU");
  const TempDir dir;
  const std::vector<std::string> on_gpus{"--device=emulated", "--max_iters=4", "--eval_interval=2"};
  Group group(train_in(dir, on_gpus), 2);
  const auto results = group.finish();
  check_done(results);
  CHECK(contains(results[0].err, ", emulated, emulated\n"));
  CHECK(has_bits_of_one(dir, on_gpus));
}

TEST_CASE("a single process that was started like several trains alone", "[ranks][rendezvous]") {
  const TempDir dir;
  Group group(train_in(dir), 1);
  check_done(group.finish());
  CHECK(has_bits_of_one(dir));
}

TEST_CASE("a process that does not appear is named by those that wait", "[ranks][rendezvous]") {
  if (left_out()) return;
  const TempDir dir;
  const auto words = train_in(dir, {"--rank_timeout=2"});
  for (const int rank : {0, 1}) {
    const std::string text = "rank " + std::to_string(rank) + " of 2 has waited 2 s, but rank " +
                             std::to_string(1 - rank) + " has not appeared";
    CHECK_FAILS(run_program(words, as_rank(rank, 2)), 1, text);
    CHECK(fs::is_empty(dir / "meet"));
  }
  CHECK(!fs::exists(dir / "run"));
}

TEST_CASE("files of an earlier attempt are not taken for those of this one", "[ranks][rendezvous]") {
  if (left_out()) return;
  const TempDir dir;
  const auto words = train_in(dir);
  const auto leave_file = [&](int rank, const Environment& more, const char* name) {
    Process process(words, as_rank(rank, 2, more));
    REQUIRE(appears(dir / name));
    process.send(SIGKILL);
    process.finish();
    REQUIRE(fs::exists(dir / name));
  };
  // Without torchrun, the attempt has no number.
  leave_file(0, {}, "meet/hewn.run.0.rank-0");
  leave_file(1, {}, "meet/hewn.run.0.rank-1");
  Group group(words, 2);
  check_done(group.finish());
  CHECK(fs::is_empty(dir / "meet"));
  CHECK(has_bits_of_one(dir));
  // With a number, those of another are left alone, and removed.
  leave_file(1, {{"TORCHELASTIC_RUN_ID", "night"}}, "meet/hewn.night.0.rank-1");
  const Environment second{{"TORCHELASTIC_RUN_ID", "night"}, {"TORCHELASTIC_RESTART_COUNT", "1"}};
  Group again(with({hewn_program().string()},
                   small_resume(dir, {"--rendezvous=" + (dir / "meet").string(), "--max_iters=25"})),
              2, second);
  check_done(again.finish());
  CHECK(fs::is_empty(dir / "meet"));
}

TEST_CASE("two processes with the same RANK are an error that says so", "[ranks][rendezvous]") {
  if (left_out()) return;
  const TempDir dir;
  const auto words = train_in(dir, {"--rank_timeout=5"});
  Process first(words, as_rank(0, 2));
  REQUIRE(appears(dir / "meet/hewn.run.0.rank-0"));
  Process second(words, as_rank(0, 2));
  CHECK_FAILS(first.finish(), 2, "another process was started as rank 0 of the same run");
  CHECK_FAILS(second.finish(), 1, "rank 1 has not appeared");
  CHECK(fs::is_empty(dir / "meet"));
}

TEST_CASE("processes with different WORLD_SIZE do not train", "[ranks][rendezvous]") {
  const TempDir dir;
  const auto words = train_in(dir);
  Process first(words, as_rank(0, 2)), second(words, as_rank(1, 4));
  CHECK_FAILS(first.finish(), 2, "rank 1 was started with WORLD_SIZE=4, but rank 0 with WORLD_SIZE=2");
  CHECK_FAILS(second.finish(), 2, "rank 0 was started with WORLD_SIZE=2, but rank 1 with WORLD_SIZE=4");
}

TEST_CASE("without MPI, a killed process ends the others", "[ranks][rendezvous]") {
  if (left_out()) return;
  for (const int victim : {0, 1}) {
    const TempDir dir;
    INFO("rank " << victim << " is killed");
    Group group(train_in(dir, endless), 4);
    REQUIRE(group[0].wait_for("saved", 120));
    group[victim].send(SIGKILL);
    const auto begin = std::chrono::steady_clock::now();
    const auto results = group.finish();
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
    int told = 0;
    for (int rank = 0; rank < 4; ++rank) {
      const ProcessResult& r = results[static_cast<size_t>(rank)];
      INFO("rank " << rank << ": " << r.err);
      if (rank == victim) continue;
      CHECK(r.exit_code == 1);
      told += contains(r.err, "hewn: rank " + std::to_string(victim) + " (") && contains(r.err, "has ended");
    }
    CHECK(told == 1);
    const ProcessResult next = hewn(small_resume(dir, {"--max_iters=5"}));
    INFO(next.err);
    CHECK(next.exit_code == 0);
  }
}

TEST_CASE("without MPI, a stopped process is missed in time", "[ranks][rendezvous]") {
  if (left_out()) return;
  const TempDir dir;
  Group group(train_in(dir, with(endless, {"--rank_timeout=5"})), 2);
  REQUIRE(group[0].wait_for("saved", 120));
  group[1].send(SIGSTOP);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FAILS(group[0].finish(), 1, ") has not been heard of for ");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  group[1].send(SIGCONT);
  CHECK(group[1].finish().exit_code == 1);
}

TEST_CASE("without MPI, a stop and an error of one process are those of all", "[ranks][rendezvous]") {
  const TempDir dir;
  Group group(train_in(dir, endless), 2);
  REQUIRE(group[0].wait_for("saved", 120));
  group[1].send(SIGTERM);
  const auto stopped = group.finish();
  CHECK_FAILS(stopped[0], 143, "stopped after step");
  CHECK(stopped[1].exit_code == 143);

  Group wrong(train_in(dir, {"--dataset=" + (dir / "none.txt").string()}), 2);
  const auto failed = wrong.finish();
  CHECK_FAILS(failed[0], 3, "none.txt");
  CHECK(failed[1].exit_code == 3);
  CHECK(failed[1].err.empty());
}

TEST_CASE("an environment that does not number the processes is refused", "[ranks][rendezvous]") {
  const TempDir dir;
  const auto words = train_in(dir);
  const auto run = [&](const Environment& variables, const std::vector<std::string>& more = {}) {
    return run_program(with(words, more), as_rank(0, 2, variables));
  };
  for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_RANK"}) {
    CHECK_FAILS(run({{name, ""}}), 2, std::string("--rendezvous: ") + name + ", the number of ");
    CHECK_FAILS(run({{name, "one"}}), 2, std::string("--rendezvous: ") + name + "=one in the environment");
    CHECK_FAILS(run({{name, "-1"}}), 2, "expected a whole number from ");
  }
  CHECK_FAILS(run({{"RANK", "2"}}), 2, "expected a whole number from 0 to 1");
  CHECK_FAILS(run({{"WORLD_SIZE", "3"}}), 2, "WORLD_SIZE=3 in the environment; expected a power of two");
  CHECK_FAILS(run({{"WORLD_SIZE", "2048"}}), 2, "expected a whole number from 1 to 1024");
  CHECK_FAILS(run({{"LOCAL_RANK", "1"}}), 2, "LOCAL_RANK=1 in the environment");
  CHECK_FAILS(run({{"TORCHELASTIC_RESTART_COUNT", "x"}}), 2, "is not the number of restarts");
  CHECK_FAILS(run({{"LOCAL_WORLD_SIZE", "1"}, {"MASTER_ADDR", "no-such-host.invalid"}}), 2,
              "no-such-host.invalid: the host is unknown");
  CHECK_FAILS(run({}, {"--restarts=2"}), 2, "leave it out with rendezvous");
  CHECK_FAILS(run({}, {"--hosts=hosts"}), 2, "leave it out with rendezvous");
  CHECK(!fs::exists(dir / "meet"));
}

TEST_CASE("without MPI, a step of two processes is timed", "[ranks][rendezvous]") {
  if (left_out()) return;
  const TempDir dir;
  const std::vector<std::string> words{hewn_program().string(),
                                       "bench",
                                       "train",
                                       "--vocab_size=20",
                                       "--n_embd=64",
                                       "--n_layer=2",
                                       "--batch_size=2",
                                       "--block_size=16",
                                       "-r2",
                                       "--threads=1",
                                       "--gradient_accumulation_steps=2",
                                       "--json",
                                       "--rendezvous=" + (dir / "meet").string()};
  Group group(words, 2);
  const auto results = group.finish();
  for (const ProcessResult& r : results) {
    INFO(r.err);
    CHECK(r.exit_code == 0);
  }
  CHECK(contains(results[0].out, "\"ranks\": 2"));
  CHECK(results[1].out.empty());
}

}  // namespace hewn::test

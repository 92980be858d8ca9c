// The real program, killed, interrupted and lied to: whatever happens, a run goes on to the very same end.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <thread>

#include "tests/apps/hewn.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* last_step = "checkpoints/step-000040/";

void write_text(const TempDir& dir) {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "the cat sat on the mat and the dog ran in the fog. a bird in a tree sang to a bee by the sea.\n";
  write_file(dir / "text.txt", text);
}

/// `hewn train` of a run that begins, or goes on if there is one. It may have been killed before it could be resumed.
std::vector<std::string> command(const TempDir& dir, const std::string& run,
                                 const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{hewn_program().string(), "train", "--out_dir=" + (dir / run).string(),
                                     "--threads=1"};
  if (fs::exists(dir / run / "config.toml"))
    arguments.push_back("--init_from=resume");
  else
    for (const char* key :
         {"n_layer=1", "n_head=2", "n_embd=16", "block_size=16", "batch_size=4", "max_iters=40",
          "eval_interval=4", "eval_iters=2", "log_interval=1", "dropout=0.1", "keep=2", "force"})
      arguments.push_back(std::string("--") + key);
  if (!fs::exists(dir / run / "config.toml")) arguments.push_back("--dataset=" + (dir / "text.txt").string());
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// Seconds that a program takes which nothing disturbs.
double seconds_of(const std::vector<std::string>& arguments) {
  const auto start = std::chrono::steady_clock::now();
  const ProcessResult r = run_program(arguments);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// A run that nothing disturbs; returns how many seconds it took.
double whole_run(const TempDir& dir) {
  write_text(dir);
  return seconds_of(command(dir, "whole"));
}

/// Each line of metrics up to its first value of the clock.
std::string metrics_of(const TempDir& dir, const std::string& run) {
  std::istringstream in(read_file(dir / run / "metrics.jsonl"));
  std::string text;
  for (std::string line; std::getline(in, line);)
    text += line.substr(0, std::min(line.find(",\"tokens_per_s\""), line.find(",\"seconds\""))) + "\n";
  return text;
}

void check_same_end(const TempDir& dir, const std::string& run, const std::string& whole = "whole") {
  for (const char* name : {"model.safetensors", "optimizer.safetensors"}) {
    INFO(name);
    const fs::path last = fs::path("checkpoints/last") / name;
    CHECK((read_file(dir / run / last) == read_file(dir / whole / last)));
  }
  CHECK(metrics_of(dir, run) == metrics_of(dir, whole));
  for (const char* link : {"checkpoints/best", "checkpoints/last"})
    CHECK(fs::read_symlink(dir / run / link) == fs::read_symlink(dir / whole / link));
  CHECK(hewn({"verify", (dir / run).string()}).exit_code == 0);
  for (const auto& entry : fs::recursive_directory_iterator(dir / run)) {
    const std::string name = entry.path().filename().string();
    INFO("left behind: " << entry.path());
    CHECK((name == ".lock" || name.front() != '.'));
  }
}

/// `hewn finetune classify` of a run that begins with the weights of "whole", or goes on if there is one.
std::vector<std::string> finetune(const TempDir& dir, const std::string& run) {
  const bool begun = fs::exists(dir / run / "config.toml");
  std::vector<std::string> arguments{
      hewn_program().string(),
      "finetune",
      "classify",
      "--threads=1",
      "--out_dir=" + (dir / run).string(),
      "--init_from=" + (begun ? "resume" : (dir / "whole").string()),
  };
  if (begun) return arguments;
  arguments.push_back("--force");  // it may have been killed before it could be resumed
  std::string rows = "kind,message\n";
  for (int i = 0; i < 60; ++i)
    rows += std::string(i % 3 ? "ham,the cat " : "spam,the dog ") + (i % 2 ? "sang" : "sat") + "\n";
  write_file(dir / "rows.csv", rows);
  for (const std::string& key :
       {"data=" + (dir / "rows.csv").string(), std::string("text=message"), std::string("label=kind"),
        std::string("epochs=10"), std::string("batch_size=4"), std::string("dropout=0.1"),
        std::string("keep=2")})
    arguments.push_back("--" + key);
  return arguments;
}

/// Kills what `start` begins or goes on with at random moments until it ends, with one run after the other, up to `wanted`
/// kills. Each must end like the run `whole`, which took so many seconds.
template <class Start>
void kill_often(const TempDir& dir, int wanted, const std::string& whole, double seconds, Start start) {
  Random random("kills");
  int kills = 0, runs = 0;
  while (kills < wanted) {
    const std::string run = "run-" + std::to_string(++runs);
    for (bool finished = false; !finished;) {
      Process process(start(dir, run), {.timeout = 120});
      std::this_thread::sleep_for(std::chrono::duration<double>(random.uniform(0, seconds)));
      process.send(SIGKILL);
      const ProcessResult r = process.finish();
      INFO("run " << runs << ", after " << kills << " kills:\n" << r.err);
      REQUIRE((r.signal == SIGKILL || r.exit_code == 0));
      finished = r.signal == 0;
      if (!finished && ++kills > 20 * wanted) FAIL("the run does not get on");
    }
    INFO("run " << runs << ", " << kills << " kills so far");
    check_same_end(dir, run, whole);
    fs::remove_all(dir / run);
  }
}

}  // namespace

TEST_CASE("a run killed at any moment resumes to the same bits") {
  const TempDir dir;
  kill_often(dir, repeats(8, sampled() ? 100 : 500), "whole", whole_run(dir),
             [](const TempDir& in, const std::string& run) { return command(in, run); });
}

TEST_CASE("a fine-tuning killed at any moment resumes to the same bits") {
  if (left_out()) return;
  const TempDir dir;
  whole_run(dir);
  const double seconds = seconds_of(finetune(dir, "labelled"));
  kill_often(dir, repeats(4, 200), "labelled", seconds, finetune);
}

TEST_CASE("an interrupted or terminated run saves, exits with its status and resumes to the same bits") {
  const TempDir dir;
  whole_run(dir);
  for (const int signal : {SIGINT, SIGTERM}) {
    const std::string run = "signal-" + std::to_string(signal);
    Process process(command(dir, run));
    REQUIRE(process.wait_for("step 1/"));
    process.send(signal);
    const ProcessResult stopped = process.finish();
    INFO(stopped.err);
    if (stopped.exit_code != 0) {  // 0: it was done before the signal arrived
      CHECK(stopped.exit_code == 128 + signal);
      CHECK(contains(stopped.err, "hewn train --init_from=resume"));
      CHECK(hewn({"verify", (dir / run).string()}).exit_code == 0);
    }
    const ProcessResult resumed = run_program(command(dir, run));
    INFO(resumed.err);
    CHECK(resumed.exit_code == 0);
    check_same_end(dir, run);
  }
}

TEST_CASE("a second process does not touch a run in use") {
  const TempDir dir;
  write_text(dir);
  Process first(command(dir, "run", {"--max_iters=100000000", "--lr_decay_iters=40"}));
  REQUIRE(first.wait_for("step 1/"));
  for (const char* key : {"--init_from=resume", "--force"}) {
    const std::string before = read_file(dir / "run/config.toml");
    CHECK_FAILS(hewn({"train", "--out_dir=" + (dir / "run").string(), key,
                      "--dataset=" + (dir / "text.txt").string()}),
                1, "in use by another process");
    CHECK(read_file(dir / "run/config.toml") == before);
  }
  first.send(SIGTERM);
  CHECK(first.finish().exit_code == 143);
}

TEST_CASE("a flipped byte is reported, and the run resumes from the older checkpoint") {
  const TempDir dir;
  whole_run(dir);
  const fs::path damaged = dir / "whole" / last_step;
  const std::string weights = read_file(damaged / "model.safetensors");
  Random random("flip");
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "state.json"}) {
    std::string bytes = read_file(damaged / name);
    const std::string whole = bytes;
    char& byte = bytes[static_cast<size_t>(random.integer(0, static_cast<int64_t>(bytes.size()) - 1))];
    byte = static_cast<char>(byte ^ (1 << random.integer(0, 7)));
    write_file(damaged / name, bytes);
    const bool only_trained_on = std::string(name) == "optimizer.safetensors";
    for (const char* what : {"sample", "eval"}) {
      const ProcessResult r = hewn({what, (dir / "whole").string()});
      if (only_trained_on)
        CHECK(r.exit_code == 0);
      else
        CHECK_FAILS(r, 3, name);
    }
    const ProcessResult verified = hewn({"verify", (dir / "whole").string()});
    CHECK(verified.exit_code == 5);
    CHECK(contains(verified.out, std::string("step-000040: ") + name + " has changed"));
    const ProcessResult r = run_program(command(dir, "whole"));
    CHECK_FAILS(r, 3, "step-000036");
    CHECK_FAILS(r, 3, name);
    if (std::string(name) != "state.json") write_file(damaged / name, whole);
  }
  fs::remove_all(damaged);
  CHECK_FAILS(run_program(command(dir, "whole")), 0, "done after step 40");
  CHECK((read_file(damaged / "model.safetensors") == weights));
}

}  // namespace hewn::test

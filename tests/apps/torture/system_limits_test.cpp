// Limits of the system that a run meets, and files that others change while it uses them.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

/// A call of the program in a shell, after `before`.
std::vector<std::string> in_shell(const std::string& before, std::vector<std::string> arguments) {
  std::string call = before + "; exec '" + hewn_program().string() + "'";
  for (const std::string& word : arguments) call += " '" + word + "'";
  return {"sh", "-c", call};
}

}  // namespace

TEST_CASE("a limit on file sizes is an error with the remedy, not the end by a signal") {
  const TempDir dir;
  const auto r = run_program(in_shell("ulimit -f 16", small_train(dir, {"--n_embd=64"})));
  CHECK_FAILS(r, 1, "ulimit -f");
}

TEST_CASE("a model beyond the limit of memory is refused before it is allocated") {
  if (!sanitizers().empty()) return skip("sanitizers reserve more memory than the limit");
  const TempDir dir;
  const auto limited = [&](const std::vector<std::string>& arguments) {
    return run_program(in_shell("ulimit -v 1000000", arguments));
  };
  CHECK_FAILS(limited(small_train(dir, {"--n_embd=2048", "--n_layer=6"})), 4,
              "are free within the limits of this process");
  CHECK_FALSE(fs::exists(dir / "run"));
}

TEST_CASE("a text that is shortened during training ends it with the last step saved") {
  const TempDir dir;
  auto arguments =
      small_train(dir, {"--max_iters=100000000", "--eval_interval=100000000", "--warmup_iters=1"});
  std::string text = read_file(dir / "text.txt");
  while (text.size() < 100000) text += text;
  write_file(dir / "text.txt", text);
  const std::string data = (dir / "data").string();
  REQUIRE(hewn({"data", "prepare", (dir / "text.txt").string(), "--out_dir=" + data}).exit_code == 0);
  arguments[1] = "--dataset=" + data;
  arguments.insert(arguments.begin(), hewn_program().string());
  Process process(arguments);
  REQUIRE(process.wait_for("step 5/"));
  fs::resize_file(dir / "data/train.bin", 4096);
  const auto r = process.finish();
  CHECK_FAILS(r, 3, "train.bin: was shortened");
  CHECK(contains(r.err, "saved " + (dir / "run/checkpoints/step-").string()));
  CHECK(hewn({"verify", (dir / "run").string()}).exit_code == 0);
}

TEST_CASE("a directory for samples that cannot be made is an error of the environment") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--sample_interval=10"})).exit_code == 0);
  REQUIRE(fs::exists(dir / "run/samples/step-000020.txt"));
  write_file(dir / "run/samples/.hewn-tmp-1-0", "of a killed process");
  REQUIRE(hewn(small_resume(dir, {"--max_iters=30"})).exit_code == 0);
  CHECK_FALSE(fs::exists(dir / "run/samples/.hewn-tmp-1-0"));
  fs::remove_all(dir / "run/samples");
  write_file(dir / "run/samples", "in the way");
  CHECK_FAILS(hewn(small_resume(dir, {"--max_iters=40"})), 1, "samples: cannot be created: ");
}

}  // namespace hewn::test

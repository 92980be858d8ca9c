// Mixed precision on a text that people train on.

#include <cmath>
#include <sstream>

#include "tests/apps/hewn.h"
#include "tests/support/env.h"

namespace hewn::test {
namespace {

/// The validation loss at every evaluation of configs/baby-gpt-cpu.toml on Tiny Shakespeare: all of its 2000
/// steps, or the first few.
std::vector<double> validation_losses(const TempDir& dir, const std::filesystem::path& text,
                                      const std::string& dtype) {
  const std::string out = (dir / dtype).string();
  std::vector<std::string> train = {"train",
                                    (source_dir() / "configs/baby-gpt-cpu.toml").string(),
                                    "--dataset=" + text.string(),
                                    "--dtype=" + dtype,
                                    "--out_dir=" + out,
                                    "--threads=2"};
  if (!full()) train.insert(train.end(), {"--max_iters=60", "--eval_interval=20", "--eval_iters=5"});
  CHECK_FAILS(hewn(train, {.timeout = 600}), 0, "");
  std::vector<double> losses;
  std::istringstream lines(read_file(out + "/metrics.jsonl"));
  const std::string key = "\"val_loss\":";
  for (std::string line; std::getline(lines, line);)
    if (const size_t at = line.find(key); at != std::string::npos)
      losses.push_back(std::stod(line.substr(at + key.size())));
  return losses;
}

}  // namespace

TEST_CASE("bf16 training stays within 0.5% of float32 at every evaluation") {
  if (left_out()) return;
  const TempDir dir;
  write_file(dir / "text.txt", documentation());
  const std::vector<double> wide = validation_losses(dir, dir / "text.txt", "f32");
  const std::vector<double> mixed = validation_losses(dir, dir / "text.txt", "bf16");
  REQUIRE(wide.size() == (full() ? 9 : 4));
  REQUIRE(mixed.size() == wide.size());
  CHECK(wide.back() < (full() ? 0.6 : 0.85) * wide.front());
  CHECK(mixed != wide);
  for (size_t i = 0; i < wide.size(); ++i) {
    INFO("evaluation " << i << ": " << mixed[i] << " in bf16, " << wide[i] << " in float32");
    CHECK(std::abs(mixed[i] - wide[i]) <= 0.005 * wide[i]);
  }
}

}  // namespace hewn::test

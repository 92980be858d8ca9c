// What commands say when they are done: hints that a shell takes as they are, figures for people and for programs.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/train/loss_curve.h"
#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

// The last thing that stands behind `word` in a text, up to the next blank.
std::string last_value(const std::string& text, const std::string& word) {
  const size_t at = text.rfind(word);
  if (at == text.npos) return "none";
  const size_t begin = at + word.size();
  return text.substr(begin, text.find_first_of(" \r\n", begin) - begin);
}

}  // namespace

TEST_CASE("a hint is a command for the shell: the program as it was called, words quoted") {
  const TempDir dir;
  fs::create_directory(dir / "my runs");
  auto words = small_train(dir, {"--max_iters=2"});
  std::replace(words.begin(), words.end(), "--out_dir=" + (dir / "run").string(),
               std::string("--out_dir=my run's"));
  words.insert(words.begin(), fs::relative(hewn_program(), dir.path()).string());
  const auto trained = run_program(words, {.directory = dir.path().string()});
  REQUIRE(trained.exit_code == 0);
  const size_t hint = trained.err.find("next: ");
  REQUIRE(hint != trained.err.npos);
  const std::string command = trained.err.substr(hint + 6, trained.err.find('\n', hint) - hint - 6);
  CHECK(command.starts_with(words[0] + " sample '"));
  const auto sampled =
      run_program({"sh", "-c", command + " --max_new_tokens=5"}, {.directory = dir.path().string()});
  CHECK(sampled.exit_code == 0);
  CHECK(sampled.err == "");

  fs::copy(dir / "text.txt", dir / "my text.txt");
  const auto prepared =
      hewn({"data", "prepare", "my text.txt", "--out_dir=my data"}, {.directory = dir.path().string()});
  CHECK(contains(prepared.err, "\nnext: hewn train --dataset='my data' --out_dir='my data-run'\n"));
}

TEST_CASE("on a terminal the result is printed before the hint") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=2"})).exit_code == 0);
  const auto exported =
      hewn({"export", (dir / "run").string(), "--format=hf", "--out=" + (dir / "hf").string()});
  INFO(exported.err);
  const bool has_hf = exported.exit_code == 0;
  if (has_hf && fs::exists(dir / "hf/tokenizer.json")) {
    const auto r =
        hewn({"import", (dir / "hf").string(), "--out=" + (dir / "back").string()}, {.terminal = true});
    CHECK(r.exit_code == 0);
    CHECK(r.out.find("next: ") > r.out.find("parameters"));
  }
  const auto json = hewn(small_resume(dir, {"--max_iters=4", "--json"}), {.terminal = true});
  CHECK(json.out.find("next: ") > json.out.find("\"best_val_loss\""));
  CHECK(json.out.find("next: ") != json.out.npos);
}

TEST_CASE("training on a terminal shows the newest loss, its curve and a sample") {
  if (left_out()) return;
  const TempDir dir;
  const auto arguments = small_train(dir, {"--max_iters=60", "--eval_interval=20"});
  const auto r = hewn(arguments, {.env = {{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}}, .terminal = true});
  REQUIRE(r.exit_code == 0);
  CHECK(last_value(r.out, "  val ") == last_value(r.out, "val loss "));
  size_t shown = 0;
  for (size_t at = 0; (at = r.out.find("val loss ", at)) != r.out.npos; ++at, ++shown) {
    const size_t begin = r.out.find("\x1b[K  ", at) + 5, end = r.out.find_first_of("\r\n", begin);
    const std::string line = r.out.substr(begin, end - begin);
    INFO(line);
    CHECK(line.size() > 25);
    CHECK(contains(line, "\u2581") == (shown > 0));  // no curve before the first step
    CHECK(line.size() <= 76 + 2 * 16);               // bars have three bytes
  }
  CHECK(shown == 4);

  // The same model for those who do not look on, and no texts for those who want none.
  const TempDir other;
  auto quiet = small_train(other, {"--max_iters=60", "--eval_interval=20", "-q"});
  CHECK(hewn(quiet, {.terminal = true}).out == "");
  CHECK(read_file(dir / "run/checkpoints/last/model.safetensors") ==
        read_file(other / "run/checkpoints/last/model.safetensors"));
  const auto ascii = hewn(small_resume(dir, {"--max_iters=80"}),
                          {.env = {{"TERM", "xterm"}, {"LC_ALL", "C"}}, .terminal = true});
  CHECK(ascii.exit_code == 0);
  CHECK_FALSE(contains(ascii.out, "\u2581"));
}

TEST_CASE("the loss curve shows the whole run in a few bars") {
  cli::LossCurve curve(8);
  CHECK(curve.text(false) == "");
  curve.add(3);
  CHECK(curve.text(false) == "\u2581");
  curve.add(std::nan(""));
  curve.add(1);
  CHECK(curve.text(false) == "\u2588\u2581");
  CHECK(curve.text(true) == "#_");
  for (size_t step = 2; step < 1000; ++step) {
    curve.add(3 - 0.002 * static_cast<double>(step));
    const size_t bars = curve.text(true).size();
    CHECK((bars <= 8 && bars >= std::min<size_t>(4, step)));
  }
  const std::string falling = curve.text(true);
  CHECK(falling.front() == '#');
  CHECK(falling.back() == '_');
}

TEST_CASE("info prints text, and JSON with --json") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const std::string run = (dir / "run").string();
  const std::string text = hewn({"info", run}).out;
  const auto json = nlohmann::json::parse(hewn({"info", run, "--json"}).out);
  const auto model =
      nlohmann::json::parse(hewn({"info", run + "/checkpoints/last/model.safetensors", "--json"}).out);
  CHECK(json["last"]["parameters"] == model["parameters"]);
  CHECK(contains(text, "\n  parameters  3,"));
  const std::string seconds = last_value(text, "seconds  ");
  CHECK(seconds.ends_with("s"));
  CHECK(seconds.size() <= 5);
  CHECK(last_value(text, "\n  val_loss  ").size() <= 8);
}

TEST_CASE("a dry run as JSON contains the configuration and its sizes") {
  const TempDir dir;
  const auto r = hewn(small_train(dir, {"--dry_run", "--json"}));
  CHECK(r.exit_code == 0);
  const auto json = nlohmann::json::parse(r.out);
  CHECK(json["config"]["n_layer"] == 1);
  CHECK(json["config"]["learning_rate"] == 1e-3);
  CHECK(json["config"]["bias"] == false);
  CHECK(json["config"]["norm"] == "layernorm");
  CHECK_FALSE(json["config"].contains("dry_run"));
  CHECK(json["parameters"] > 3000);
  CHECK(json["train_tokens"] > 1000);
  CHECK_FALSE(fs::exists(dir / "run"));
}

}  // namespace hewn::test

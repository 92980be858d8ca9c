// Fine-tuning on rows with characters that the model has never seen.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using nlohmann::json;

/// A small language model of characters, and calls that fine-tune it on rows with others.
struct Tuned {
  TempDir dir;
  std::string base = path("run");

  Tuned() {
    const auto trained = hewn(small_train(dir, {"--max_iters=2", "--block_size=64"}));
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
  }
  std::string path(const std::string& name) const { return (dir / name).string(); }
  /// `hewn finetune TASK` on rows with this header, each made of a line with its number in place of #.
  ProcessResult tune(const std::string& task, const std::string& rows, const std::string& run,
                     std::vector<std::string> more = {}) const {
    write_file(path("rows.csv"), rows);
    more.insert(more.begin(), {"finetune", task, "--data=" + path("rows.csv"), "--init_from=" + base,
                               "--out_dir=" + path(run), "--threads=1", "--batch_size=4", "--epochs=1",
                               "--split=60/20/20"});
    return hewn(more);
  }
  ProcessResult resume(const std::string& task, const std::string& run) const {
    return hewn(
        {"finetune", task, "--init_from=resume", "--out_dir=" + path(run), "--threads=1", "--epochs=2"});
  }
  json vocabulary(const std::string& run) const {
    return json::parse(read_file(path(run) + "/tokenizer.json"))["vocab"];
  }
};

std::string class_rows() {
  std::string rows = "label,text\n";
  for (int i = 0; i < 20; ++i)
    rows +=
        i % 2 ? "ham,see a cat " + std::to_string(i) + "\n" : "spam,WIN \u00a3" + std::to_string(i) + "\n";
  return rows;
}

}  // namespace

TEST_CASE("a classifier of rows with unknown characters is trained, resumed, scored and applied") {
  const Tuned t;
  for (const std::string what : {"all", "lora"}) {
    CHECK_FAILS(t.tune("classify", class_rows(), what, {"--train=" + what}), 0,
                "14 characters are new to the model");
    CHECK(t.vocabulary(what).back() == "\u00a3");
    CHECK_FAILS(t.resume("classify", what), 0, "resume");
    CHECK_FAILS(hewn({"eval", t.path(what)}), 0, "");
    CHECK_FAILS(hewn({"classify", t.path(what), "WIN \u00a37"}), 0, "");
    CHECK_FAILS(hewn({"classify", t.path(what), "\u20ac"}), 3, "unknown character");
  }
  CHECK_FAILS(t.tune("classify", class_rows(), "drop", {"--unknown=drop"}), 0, "and left out");
  CHECK(t.vocabulary("drop") == t.vocabulary("run"));
  CHECK_FAILS(hewn({"classify", t.path("drop"), "\u20ac"}), 0, "");
  CHECK_FAILS(t.tune("classify", class_rows(), "error", {"--unknown=error"}), 3, "rows.csv, line ");
  CHECK_FAILS(hewn({"verify", t.path("lora"), "--merged"}), 0, "");
}

TEST_CASE("instructions and preferences have characters of their own, and so has the template") {
  const Tuned t;
  std::string rows = "prompt,chosen,rejected\n", pairs = "prompt,answer\n";
  for (int i = 0; i < 20; ++i) {
    rows += "Say " + std::to_string(i) + ",\u00e9" + std::to_string(i) + ",no\n";
    pairs += "Say " + std::to_string(i) + ",\u00e9" + std::to_string(i) + "\n";
  }
  const std::vector<std::string> keys{"--template=phi", "--learning_rate=1e-3"};
  CHECK_FAILS(t.tune("instruct", pairs, "helper", keys), 0, "characters are new to the model");
  const std::string vocabulary = t.vocabulary("helper").dump();
  for (const char* c : {"\"<\"", "\"|\"", "\"S\"", "\"7\"", "\"\u00e9\""}) CHECK(contains(vocabulary, c));
  CHECK_FAILS(t.resume("instruct", "helper"), 0, "resume");
  CHECK_FAILS(hewn({"sample", t.path("helper"), "--instruct", "--start=Say 9", "--max_new_tokens=4"}), 0, "");
  for (const std::string what : {"all", "lora"}) {
    const auto run = t.tune("prefer", rows, "better-" + what,
                            {"--template=phi", "--learning_rate=1e-3", "--train=" + what});
    CHECK_FAILS(run, 0, "characters are new to the model");
    CHECK_FAILS(t.resume("prefer", "better-" + what), 0, "resume");
    CHECK_FAILS(hewn({"eval", t.path("better-" + what)}), 0, "");
  }
}

}  // namespace hewn::test

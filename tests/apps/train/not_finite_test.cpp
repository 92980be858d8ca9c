// Losses that are NaN or infinite pass no command.

#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Words = std::vector<std::string>;

/// Keys with which two steps make a model useless, though its weights are finite.
const Words explosive{"--learning_rate=1e6", "--weight_decay=1000", "--schedule=constant", "--warmup_iters=0",
                      "--max_iters=2"};

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The call must end with status 5 and these messages, and print no NaN with a sign.
void check_refused(const ProcessResult& r, const Words& parts) {
  INFO(r.err);
  CHECK(r.exit_code == 5);
  CHECK_FALSE(contains(r.err + r.out, "-nan"));
  for (const std::string& part : parts) CHECK(contains(r.err, part));
}

}  // namespace

TEST_CASE("a run whose last validation is not finite ends with status 5 and keeps its good checkpoint") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=2", "--eval_interval=2"})).exit_code == 0);
  const std::string run = (dir / "run").string(), tuned = (dir / "tuned").string();
  const auto explodes = hewn(with({"train", "--dataset=" + (dir / "text.txt").string(), "--init_from=" + run,
                                   "--out_dir=" + tuned, "--eval_iters=1", "--threads=1"},
                                  explosive));
  check_refused(explodes, {"step 2: val loss nan\n", "after step 2: the validation loss is nan",
                           "The last good checkpoint is " + tuned + "/checkpoints/step-000000"});
  CHECK_FALSE(contains(explodes.err, "next:"));
  CHECK(hewn({"eval", tuned}).exit_code == 0);
  CHECK_FALSE(std::filesystem::exists(tuned + "/checkpoints/step-000002"));
  // The report says that numbers are missing, and resuming meets the same end, unless a key is changed.
  const auto report = hewn({"report", tuned, "--json"});
  CHECK(contains(report.out, "1 numbers were not finite"));
  check_refused(hewn({"train", "--init_from=resume", "--out_dir=" + tuned, "--threads=1"}), {"val loss nan"});
  CHECK(hewn({"train", "--init_from=resume", "--out_dir=" + tuned, "--threads=1", "--learning_rate=1e-3"})
            .exit_code == 0);
}

TEST_CASE("a sweep marks runs whose validation is not finite, and does not rank them") {
  const TempDir dir;
  Words sweep = small_train(dir, with(explosive, {"--eval_interval=2"}));
  sweep[0] = "sweep";
  std::erase(sweep, explosive[0]);
  sweep = with(sweep, {"--grid=learning_rate=1e6,1e-9"});
  const auto r = hewn(sweep);
  INFO(r.err);
  CHECK(r.exit_code == 1);
  const std::string ranking = r.out.substr(0, r.out.find("\nfailed: "));
  CHECK(contains(ranking, "1e-09"));
  CHECK_FALSE(contains(ranking, "1e+06"));
  CHECK(contains(r.out, "\nfailed: learning_rate=1e+06,seed=1337, training ended with status 5: "));
  const std::string results = read_file(dir / "run/results.jsonl");
  CHECK(std::count(results.begin(), results.end(), '\n') == 1);
  if (std::filesystem::exists(dir / "run/report.html"))
    CHECK(contains(read_file(dir / "run/report.html"), "the validation loss is nan"));
}

TEST_CASE("a model whose losses are not finite is not scored, compared, used or fine-tuned") {
  if (left_out()) return;
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=1", "--tokenizer=bpe", "--vocab_size=270", "--block_size=96"}))
              .exit_code == 0);
  const std::string good = (dir / "run").string(), bad = (dir / "bad").string(),
                    text = "--val=" + (dir / "text.txt").string();
  // Without validation data, nobody has looked.
  REQUIRE(hewn(small_train(dir, with(explosive, {"--tokenizer=bpe", "--vocab_size=270", "--block_size=96",
                                                 "--val_fraction=0", "--out_dir=" + bad})))
              .exit_code == 0);
  for (const Words& form : {Words{}, {"--json"}, {"--stride=4"}, {"--per_token"}})
    check_refused(hewn(with({"eval", bad, text}, form)), {"the loss of the text is nan"});
  check_refused(hewn({"eval", bad, text, "--against=" + good}), {"under the model after is nan"});
  check_refused(hewn({"eval", good, text, "--against=" + bad}), {"under the model before is nan"});
  check_refused(hewn({"quantize", bad, "--format=bf16", "--out=" + (dir / "bad.gguf").string(), text}), {});
  check_refused(hewn({"sample", bad, "--max_new_tokens=2"}), {"NaN"});

  std::string classes = "label,text\n", talks = "prompt,chosen,rejected,answer\n";
  for (int i = 0; i < 20; ++i) {
    classes += join(i % 2 ? "ham" : "spam", ",text ", i, "\n");
    talks += join("ask ", i, ",yes,no,yes\n");
  }
  write_file(dir / "classes.csv", classes);
  write_file(dir / "talks.csv", talks);
  for (const std::string task : {"classify", "instruct", "prefer"}) {
    INFO(task);
    Words words{"finetune",
                task,
                "--init_from=" + bad,
                "--out_dir=" + (dir / task).string(),
                "--threads=1",
                "--epochs=1",
                "--batch_size=4",
                "--data=" + (dir / (task == "classify" ? "classes.csv" : "talks.csv")).string()};
    if (task != "classify") words = with(words, {"--template=plain"});
    if (task == "instruct") words = with(words, {"--prompt=prompt", "--answer=answer"});
    check_refused(hewn(words), {"step 0: val loss nan", "There is no good checkpoint"});
    check_refused(hewn({"eval", (dir / task).string()}), {" is nan: the model"});
  }
  check_refused(hewn({"classify", (dir / "classify").string(), "a text"}), {"not finite"});
}

}  // namespace hewn::test

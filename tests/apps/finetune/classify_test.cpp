// hewn finetune classify and hewn classify: from a language model and a table to labels.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A table of messages of two kinds that differ by a word, a small language model, and what is made of both.
struct Spam {
  TempDir dir;
  std::string base, table, run;

  explicit Spam(const std::string& more_rows = "") {
    REQUIRE(hewn(small_train(dir, {"--tokenizer=byte", "--max_iters=5", "--block_size=24"})).exit_code == 0);
    base = path("run");
    run = path("spam");
    std::string rows = "kind,message\n";
    for (int i = 0; i < 60; ++i) {
      const bool spam = i % 3 == 0;
      std::string text = spam ? "win " : "see ";
      for (int w = 0; w < i * 7 % 4; ++w) text += (i + w) % 5 < 2 ? "now " : "cat ";
      rows += std::string(spam ? "spam," : "ham,") + std::to_string(i) + " " + text + "\n";
    }
    table = path("spam.csv");
    write_file(table, rows + more_rows);
  }

  std::string path(const std::string& name) const { return (dir / name).string(); }
  std::vector<std::string> command(const std::vector<std::string>& more = {},
                                   const std::string& out = "") const {
    std::vector<std::string> arguments{"finetune",
                                       "classify",
                                       "--data=" + table,
                                       "--text=message",
                                       "--label=kind",
                                       "--init_from=" + base,
                                       "--threads=1",
                                       "--epochs=6",
                                       "--batch_size=4",
                                       "--learning_rate=5e-3",
                                       "--out_dir=" + (out.empty() ? run : out)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  std::string weights(const std::string& of) const {
    return read_file(fs::path(of) / "checkpoints/last/model.safetensors");
  }
};

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("with --quiet, the scores of a classifier are the result") {
  const Spam spam;
  const auto trained = hewn(spam.command({"--epochs=1", "-q"}));
  INFO(trained.err);
  CHECK(trained.exit_code == 0);
  CHECK(trained.err.empty());
  for (const char* part : {"validation, 6 rows", "test, 12 rows", "macro F1"})
    CHECK(contains(trained.out, part));
  CHECK(json::parse(hewn(spam.command({"--epochs=1", "-q", "--json", "--force"})).out).contains("test"));
}

TEST_CASE("a classifier is trained, reported, applied and exported") {
  const Spam spam;
  const auto trained = hewn(spam.command({"--epochs=12"}));
  CHECK_FAILS(trained, 0, "next: hewn classify " + spam.run);
  CHECK(contains(trained.err, "42 rows for training, 6 for validation, 12 for the test; 2 labels"));
  for (const char* part : {"accuracy", "95% interval", "macro F1", "most frequent label 0.6667",
                           "word counts", "true label \\ predicted", "val_accuracy"})
    CHECK(contains(trained.err, part));
  const json evaluation = json::parse(read_file(spam.run + "/evaluation.json"));
  for (const char* part : {"validation", "test"}) {
    CHECK(evaluation[part]["accuracy"]["value"] == 1.0);
    CHECK(evaluation[part]["labels"]["spam"]["f1"] == 1.0);
    CHECK(evaluation[part]["baselines"]["word_counts"]["accuracy"] == 1.0);
  }
  CHECK(evaluation["test"]["confusion"] == json::parse("[[8,0],[0,4]]"));
  int evaluations = 0;
  for (const json& line : lines_of(read_file(spam.run + "/metrics.jsonl"))) {
    if (!line.contains("val_loss")) continue;
    ++evaluations;
    CHECK(line.contains("val_accuracy"));
    CHECK(line.contains("val_f1_macro"));
  }
  CHECK(evaluations == 13);  // before the first step, and after each epoch
  const json task = json::parse(read_file(spam.run + "/task.json"));
  CHECK(task["labels"] == json::parse(R"(["ham","spam"])"));
  CHECK(task["kind"] == "classify");
  CHECK(contains(task["base"]["path"].get<std::string>(), spam.base));

  const auto labelled = hewn({"classify", spam.run, "win now", "see cat"});
  CHECK(labelled.exit_code == 0);
  CHECK(labelled.out.starts_with("spam\tspam "));
  CHECK(contains(labelled.out, "\nham\tham "));
  const auto records = lines_of(hewn({"classify", spam.run, "--json"}, {.input = "win now\nsee cat\n"}).out);
  REQUIRE(records.size() == 2);
  CHECK(records[0]["text"] == "win now");
  CHECK(records[0]["label"] == "spam");
  const double sum =
      records[1]["probabilities"]["ham"].get<double>() + records[1]["probabilities"]["spam"].get<double>();
  CHECK(std::abs(sum - 1) < 1e-6);

  const auto exported = hewn({"export", spam.run, "--format=hf", "--out=" + spam.path("hf")});
  CHECK_FAILS(exported, 0, "wrote");
  CHECK(contains(read_file(spam.path("hf") + "/config.json"), "GPT2ForSequenceClassification"));
  CHECK(hewn({"classify", spam.path("hf"), "win now"}).out.starts_with("spam\t"));
  CHECK_FAILS(hewn({"export", spam.run, "--format=gguf", "--out=" + spam.path("gguf")}), 2, "n_labels = 2");
  CHECK(contains(hewn({"info", spam.run}).out, "spam"));
  CHECK_FAILS(hewn({"verify", spam.run}), 0, "");
}

TEST_CASE("hewn classify gives a table back as it was, with columns added") {
  const Spam spam;
  REQUIRE(hewn(spam.command({"--max_iters=2"})).exit_code == 0);
  const std::string table = "id;message\r\n1;\"win; \"\"now\"\"\"\r\n2;see\r\n";
  write_file(spam.dir / "more.csv", table);
  const auto result = hewn({"classify", spam.run, spam.path("more.csv"), "--csv"});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.out.starts_with("id;message;predicted;p(ham);p(spam)\r\n1;\"win; \"\"now\"\"\";"));
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 3);
  CHECK(hewn({"classify", spam.run, "-", "--csv"}, {.input = table}).out == result.out);
  CHECK_FAILS(hewn({"classify", spam.run, "-", "--csv"}, {.input = result.out}), 3,
              "already has a column predicted");
  CHECK_FAILS(hewn({"classify", spam.run, "text", "--csv"}), 2, "give a file");
  CHECK_FAILS(hewn({"classify", spam.run, "text", "--csv", "--json"}), 2, "different output formats");
  CHECK_FAILS(hewn({"classify", spam.run, spam.path("none.csv")}), 3, "no such file");
  CHECK_FAILS(hewn({"classify", spam.run, spam.path("more.csv"), "--text=body"}), 2, "body");
  CHECK_FAILS(hewn({"classify", spam.run, std::string(30, 'x')}), 0, "only the last 24 were read");
  CHECK(hewn({"classify", spam.run, ""}).exit_code == 0);
  CHECK_FAILS(hewn({"classify", spam.base, "text"}), 2, "is a language model");
}

TEST_CASE("a classifier trained as an adapter predicts, verifies and merges") {
  const Spam spam;
  CHECK_FAILS(hewn(spam.command({"--train=lora", "--epochs=12"})), 0, "next: hewn classify " + spam.run);
  CHECK(fs::exists(spam.run + "/checkpoints/last/adapter_model.safetensors"));
  CHECK_FALSE(fs::exists(spam.run + "/checkpoints/last/model.safetensors"));
  const auto adapted = hewn({"classify", spam.run, "--json", "win now", "see cat"});
  REQUIRE(adapted.exit_code == 0);
  const auto verified = hewn({"verify", spam.run, "--merged"});
  INFO(verified.err);
  CHECK(verified.exit_code == 0);
  CHECK(contains(verified.out, "6 rows of the run's data"));
  CHECK(contains(verified.out, "merged: log probabilities differ by at most"));
  REQUIRE(hewn({"merge", spam.run, "--out=" + spam.path("merged")}).exit_code == 0);
  const auto merged = hewn({"classify", spam.path("merged"), "--json", "win now", "see cat"});
  REQUIRE(merged.exit_code == 0);
  const auto one = lines_of(adapted.out), other = lines_of(merged.out);
  REQUIRE(one.size() == 2);
  REQUIRE(other.size() == 2);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(one[i]["label"] == other[i]["label"]);
    CHECK(std::abs(one[i]["probabilities"]["spam"].get<double>() -
                   other[i]["probabilities"]["spam"].get<double>()) <= 1e-5);
  }
}

TEST_CASE("a classifier is the same for any number of threads, and when it was stopped and resumed") {
  const Spam spam;
  REQUIRE(hewn(spam.command({"--balance=weight"})).exit_code == 0);
  REQUIRE(hewn(spam.command({"--balance=weight", "--threads=3"}, spam.path("threads"))).exit_code == 0);
  CHECK((spam.weights(spam.path("threads")) == spam.weights(spam.run)));
  const std::string stopped = spam.path("stopped");
  REQUIRE(
      hewn(spam.command({"--balance=weight", "--max_iters=13", "--lr_decay_iters=66"}, stopped)).exit_code ==
      0);
  CHECK((spam.weights(stopped) != spam.weights(spam.run)));
  const auto resumed =
      hewn({"finetune", "classify", "--init_from=resume", "--out_dir=" + stopped, "--max_iters=66"});
  CHECK_FAILS(resumed, 0, "resume  from");
  CHECK((spam.weights(stopped) == spam.weights(spam.run)));
  CHECK(read_file(stopped + "/evaluation.json") == read_file(spam.run + "/evaluation.json"));

  const std::string killed = spam.path("killed");
  {
    Process process([&] {
      auto command = spam.command({"--balance=weight", "--epochs=6"}, killed);
      command.insert(command.begin(), hewn_program().string());
      return command;
    }());
    process.wait_for("step 22: val loss");
    process.send(9);
    process.finish();
  }
  CHECK_FAILS(hewn({"finetune", "classify", "--init_from=resume", "--out_dir=" + killed}), 0,
              "done after step 66");
  CHECK((spam.weights(killed) == spam.weights(spam.run)));
}

TEST_CASE("mistakes around classifiers are explained") {
  const Spam spam("ham,\nham," + std::string(1 << 20, 'a') + "\n");
  const auto trained = hewn(spam.command({"--max_iters=2"}));
  CHECK_FAILS(trained, 0, "of more than max_length = 24 tokens: only the last 24 are read");
  CHECK(contains(trained.err, "1 row without a token"));
  CHECK_FAILS(hewn({"sample", spam.run}), 2, "hewn classify");
  CHECK_FAILS(hewn({"eval", spam.run, "--val=" + spam.path("text.txt")}), 2, "hewn classify");
  CHECK_FAILS(hewn({"chat", spam.run}, {.input = "hello\n"}), 2, "hewn classify");
  CHECK_FAILS(hewn(small_train(spam.dir, {"--init_from=" + spam.run, "--out_dir=" + spam.path("on")})), 2,
              "only `hewn finetune classify` can start from it");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + spam.run}), 2, "`hewn finetune classify`");
  CHECK_FAILS(hewn({"finetune", "classify", "--init_from=resume", "--out_dir=" + spam.base}), 2,
              "`hewn train`");
  CHECK_FAILS(hewn(spam.command()), 2, "not empty");
  CHECK_FAILS(hewn({"finetune", "classify", "--data=" + spam.table}), 2, "--init_from=RUN");
  CHECK_FAILS(hewn({"finetune", "classify", "--init_from=" + spam.base}), 2, "--data=TABLE");
  CHECK_FAILS(hewn(spam.command({"--label=sort"}, spam.path("on"))), 2, "sort");
  CHECK_FAILS(hewn(spam.command({"--max_length=25"}, spam.path("on"))), 2, "give at most that");
  CHECK_FAILS(hewn(spam.command({"--split=50/60"}, spam.path("on"))), 2, "split");
  CHECK_FAILS(hewn(spam.command({"--labels=ham"}, spam.path("on"))), 2, "labels");
  CHECK_FAILS(hewn(spam.command({"--epochs=0"}, spam.path("on"))), 2, "epochs = 0");
  write_file(spam.dir / "test.csv", "message,kind\nwin,eggs\n");
  CHECK_FAILS(hewn(spam.command({"--test=" + spam.path("test.csv")}, spam.path("on"))), 3,
              "test.csv, line 2");
  write_file(spam.dir / "spam.csv", read_file(spam.table) + "spam,more\n");
  CHECK_FAILS(hewn({"finetune", "classify", "--init_from=resume", "--out_dir=" + spam.run, "--max_iters=3"}),
              3, "the data differs");
  CHECK_FALSE(fs::exists(spam.path("on")));
}

TEST_CASE("commands read the checkpoint with the lowest validation loss, which is also the one reported") {
  const Spam spam;
  // One label of four is wrong, so the loss is lowest while the model is not sure yet. The checkpoint of that step would
  // be pruned if it were not the best one.
  write_file(spam.dir / "val.csv", "kind,message\nspam,win now\nham,see cat\nham,see now\nspam,see\n");
  const auto trained =
      hewn(spam.command({"--val=" + spam.path("val.csv"), "--epochs=12", "--schedule=constant", "--keep=1"}));
  REQUIRE(trained.exit_code == 0);
  json state = json::parse(read_file(fs::path(spam.run) / "checkpoints/last/state.json"));
  const int64_t best = state["best_step"], last = state["step"];
  REQUIRE(best < last);
  CHECK(contains(trained.err, "best    step " + std::to_string(best) + " has the lowest validation loss"));
  const std::string read = json::parse(hewn({"info", spam.run, "--json"}).out)["read"];
  CHECK(json::parse(read_file(fs::path(read) / "state.json"))["step"] == best);
  const json evaluation = json::parse(read_file(spam.run + "/evaluation.json"));
  CHECK(std::abs(evaluation["validation"]["loss"].get<double>() - state["best_val_loss"].get<double>()) <
        1e-12);
  const std::vector<std::string> texts{"win now", "see cat now", "see", "win"};
  const auto labelled = [&](const std::string& run) {
    std::vector<std::string> command{"classify", run, "--json"};
    command.insert(command.end(), texts.begin(), texts.end());
    return hewn(command).out;
  };
  CHECK(labelled(spam.run) == labelled(read));
  CHECK(labelled(spam.run) != labelled(spam.run + "/checkpoints/last"));
  REQUIRE(hewn({"export", spam.run, "--format=hf", "--out=" + spam.path("hf")}).exit_code == 0);
  CHECK(labelled(spam.path("hf")) == labelled(read));
  // A resumed run goes on from its last step.
  CHECK_FAILS(hewn({"finetune", "classify", "--init_from=resume", "--out_dir=" + spam.run,
                    "--max_iters=" + std::to_string(last + 1)}),
              0, ", step " + std::to_string(last));
}

TEST_CASE("eval scores a classifier on its own rows, as at the end of its training") {
  const Spam spam;
  REQUIRE(hewn(spam.command({"--max_iters=20", "--labels=spam,ham", "--position=mean"})).exit_code == 0);
  const auto scored = hewn({"eval", spam.run, "--json", "--threads=1"});
  INFO(scored.err);
  REQUIRE(scored.exit_code == 0);
  json scores = json::parse(scored.out);
  CHECK(contains(scores["checkpoint"].get<std::string>(), spam.run));
  scores.erase("checkpoint");
  CHECK(scores == json::parse(read_file(spam.run + "/evaluation.json")));
  const std::string text = hewn({"eval", spam.run}).out;
  for (const char* part : {"validation, 6 rows\n", "test, 12 rows\n", "most frequent label 0.6667"})
    CHECK(contains(text, part));
  CHECK_FAILS(hewn({"eval", spam.run, "--stride=4"}), 2, "stride: applies to a text");
  write_file(spam.table, read_file(spam.table) + "spam,more\n");
  CHECK_FAILS(hewn({"eval", spam.run}), 3, "spam.csv: the data differs");
}

TEST_CASE("a fine-tuned run can be planned") {
  if (left_out()) return;
  const Spam spam;
  REQUIRE(hewn(spam.command({"--max_iters=2", "--train=lora", "--lora_rank=2"})).exit_code == 0);
  const auto planned = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"plan", "--json", "--threads=1"});
    const auto result = hewn(more);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return json::parse(result.out);
  };
  const json plan = planned({spam.run}), info = json::parse(hewn({"info", spam.run, "--json"}).out)["last"];
  CHECK(plan["parameters"] == info["parameters"].get<int64_t>() + plan["parts"]["adapters"].get<int64_t>());
  CHECK(plan["trained_parameters"] ==
        plan["parts"]["head"].get<int64_t>() + plan["parts"]["adapters"].get<int64_t>());
  CHECK(plan["tokens_per_step"] == 4 * 24);
  const json of_file = planned({spam.run + "/config.toml", "--batch_size=8"});
  CHECK(of_file["parts"] == plan["parts"]);
  CHECK(of_file["tokens_per_step"] == 8 * 24);
  CHECK_FAILS(hewn({"plan", spam.run, "--n_layer=3"}), 2, "n_layer = 3, but " + spam.run + " has ");
  CHECK_FAILS(hewn({"plan", spam.run, spam.base}), 2, "two runs were given");
  CHECK_FAILS(hewn({"plan", spam.path("none")}), 2, "is neither a run");
}

TEST_CASE("a classifier can start from another, and be planned without training") {
  const Spam spam;
  REQUIRE(hewn(spam.command({"--max_iters=2", "--position=mean"})).exit_code == 0);
  auto again = spam.command({"--max_iters=1", "--labels=spam,ham", "--balance=sample"}, spam.path("again"));
  again[5] = "--init_from=" + spam.run;
  CHECK_FAILS(hewn(again), 0, "done after step 1");
  const auto dry = hewn(spam.command({"--dry_run"}, spam.path("dry")));
  CHECK_FAILS(dry, 0, "66 steps of 4 rows");
  CHECK(contains(dry.out, "position = \"last\""));
  CHECK_FALSE(fs::exists(spam.path("dry")));
}

}  // namespace hewn::test

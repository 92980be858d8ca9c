// hewn finetune prefer, and what its runs are used for.

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A small language model with a tokenizer of byte pairs, and a table of prompts to which the chosen answer repeats a
/// word and the rejected one denies another.
struct Preferences {
  TempDir dir;
  std::string base, table, run;

  explicit Preferences(const std::string& more_rows = "") {
    const auto trained =
        hewn(small_train(dir, {"--tokenizer=bpe", "--vocab_size=280", "--max_iters=5", "--block_size=256",
                               "--n_embd=32", "--bias=true", "--val_fraction=0.5"}));
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    base = path("run");
    run = path("better");
    std::string rows = "question,best,worst\n";
    const char* words[] = {"cat", "a dog", "the bird", "tree"};
    for (int i = 0; i < 40; ++i)
      rows += std::string("Say ") + words[i % 4] + std::string(static_cast<size_t>(i / 4), '.') + "," +
              words[i % 4] + ",not " + words[(i + 1 + i / 4 % 3) % 4] + "\n";
    table = path("rows.csv");
    write_file(table, rows + more_rows);
  }

  std::string path(const std::string& name) const { return (dir / name).string(); }
  std::vector<std::string> command(const std::vector<std::string>& more = {},
                                   const std::string& out = "") const {
    std::vector<std::string> arguments{"finetune",
                                       "prefer",
                                       "--data=" + table,
                                       "--prompt=question",
                                       "--chosen=best",
                                       "--rejected=worst",
                                       "--init_from=" + base,
                                       "--template=plain",
                                       "--threads=1",
                                       "--batch_size=4",
                                       "--out_dir=" + (out.empty() ? run : out)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  static std::vector<std::string> resume(const std::string& of, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"finetune", "prefer", "--init_from=resume", "--out_dir=" + of};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

std::string bytes_of_run(const std::string& run) {
  std::string all;
  for (const char* file : {"checkpoints/last/model.safetensors", "checkpoints/last/optimizer.safetensors",
                           "reference.safetensors", "evaluation.json"})
    if (fs::exists(fs::path(run) / file)) all += read_file(fs::path(run) / file);
  REQUIRE(!all.empty());
  return all;
}

std::vector<json> evaluations_in(const std::string& run) {
  std::vector<json> lines;
  std::istringstream in(read_file(run + "/metrics.jsonl"));
  for (std::string line; std::getline(in, line);)
    if (contains(line, "val_loss")) lines.push_back(json::parse(line));
  return lines;
}

}  // namespace

TEST_CASE("finetune prefer: a model learns to prefer, and its run is one like others", "[prefer]") {
  const Preferences made;
  const auto trained = hewn(made.command({"--epochs=12", "--learning_rate=3e-3", "--eval_interval=40"}));
  CHECK_FAILS(trained, 0, "next: hewn chat " + made.run);
  CHECK(contains(trained.err, "28 pairs for training, 4 for validation, 8 for the test"));
  CHECK(contains(trained.err, "84 steps of 4 pairs of rows of up to "));
  CHECK(contains(trained.err, "test, 8 pairs: loss "));

  const auto lines = evaluations_in(made.run);
  REQUIRE(lines.size() == 4);  // at steps 0, 40, 80 and 84
  CHECK(lines[0]["val_loss"].get<double>() == Approx(std::log(2.0)).epsilon(1e-12));  // it is the reference
  CHECK(lines[0]["val_margin"] == 0.0);
  CHECK(lines[3]["val_accuracy"] == 1.0);
  CHECK(lines[3]["val_likelier"] == 1.0);
  CHECK(lines[3]["val_margin"].get<double>() > 1);
  CHECK(lines[3]["val_loss"].get<double>() < 0.4);
  const json evaluation = json::parse(read_file(made.run + "/evaluation.json"));
  CHECK(evaluation["validation"]["loss"] == lines[3]["val_loss"]);
  CHECK(evaluation["test"]["pairs"] == 8);
  CHECK(evaluation["test"]["accuracy"]["value"] == 1.0);
  CHECK(evaluation["test"]["accuracy"]["low"].get<double>() < 1);
  CHECK(evaluation["test"]["margin"].get<double>() ==
        Approx(evaluation["test"]["rewards"]["chosen"].get<double>() -
               evaluation["test"]["rewards"]["rejected"].get<double>()));

  const json task = json::parse(read_file(made.run + "/task.json"));
  CHECK(task["kind"] == "prefer");
  CHECK(task["template"]["name"] == "plain");
  CHECK(task["columns"] == json{{"prompt", "question"}, {"chosen", "best"}, {"rejected", "worst"}});
  CHECK(contains(task["base"]["path"].get<std::string>(), made.base));
  CHECK(fs::file_size(made.run + "/reference.safetensors") < 40 * 8 + 1000);

  const auto talked = hewn({"chat", made.run, "--temperature=0", "--max_new_tokens=8", "--threads=1"},
                           {.input = "Say cat\n"});
  CHECK(talked.exit_code == 0);
  const auto sampled = hewn({"sample", made.run, "--instruct", "--start=Say cat", "--temperature=0",
                             "--max_new_tokens=8", "--threads=1"});
  CHECK(sampled.exit_code == 0);
  CHECK(sampled.out == talked.out);  // the template is not named again
  CHECK(contains(hewn({"info", made.run}).out, "prefer"));
  CHECK_FAILS(hewn({"verify", made.run}), 0, "");
  CHECK(hewn({"eval", made.run, "--val=" + made.path("text.txt")}).exit_code == 0);
  json scores = json::parse(hewn({"eval", made.run, "--json", "--threads=1"}).out);
  scores.erase("checkpoint");
  CHECK(scores == evaluation);
  CHECK(contains(hewn({"eval", made.run}).out, "validation, 4 pairs: loss "));
  CHECK(hewn({"export", made.run, "--format=hf", "--out=" + made.path("hf")}).exit_code == 0);
  CHECK(contains(read_file(made.path("hf") + "/tokenizer_config.json"), "chat_template"));
}

TEST_CASE("finetune prefer: the template is that of the run it starts from", "[prefer]") {
  const Preferences made;
  write_file(made.dir / "talks.csv", "question,answer\nSay cat,cat\nSay dog,dog\nSay tree,tree\n");
  const std::string helper = made.path("helper");
  REQUIRE(hewn({"finetune", "instruct", "--data=" + made.path("talks.csv"), "--init_from=" + made.base,
                "--template=plain", "--max_iters=1", "--out_dir=" + helper, "--max_new_tokens=2"})
              .exit_code == 0);
  auto after = made.command({"--max_iters=1"});
  after[6] = "--init_from=" + helper;
  after.erase(after.begin() + 7);
  CHECK_FAILS(hewn(after), 0, "done after step 1");
  CHECK(json::parse(read_file(made.run + "/task.json"))["template"]["name"] == "plain");
  CHECK_FAILS(hewn(Preferences::resume(made.run, {"--template=alpaca"})), 2, "template");
  CHECK_FAILS(hewn(Preferences::resume(made.run, {"--beta=0.5"})), 2, "beta");
  after.back() = "--dry_run";
  after[after.size() - 2] = "--out_dir=" + made.path("other");
  after[6] = "--init_from=" + made.base;
  CHECK(contains(hewn(after).out, "template = \"alpaca\""));  // if there is no other
}

TEST_CASE("finetune prefer: the same bits for any number of threads, resumed and killed", "[prefer]") {
  const Preferences made;
  const std::vector<std::string> keys{"--lr_decay_iters=60", "--eval_interval=15", "--learning_rate=1e-3",
                                      "--gradient_accumulation_steps=2", "--label_smoothing=0.1"};
  const auto with = [&](const std::vector<std::string>& more, const std::string& out) {
    std::vector<std::string> all(keys);
    all.insert(all.end(), more.begin(), more.end());
    return hewn(made.command(all, out)).exit_code;
  };
  REQUIRE(with({"--max_iters=60"}, made.run) == 0);
  const std::string whole = bytes_of_run(made.run);
  REQUIRE(with({"--max_iters=60", "--threads=3"}, made.path("threads")) == 0);
  CHECK((bytes_of_run(made.path("threads")) == whole));
  REQUIRE(with({"--max_iters=20"}, made.path("stopped")) == 0);
  CHECK_FAILS(hewn(Preferences::resume(made.path("stopped"), {"--max_iters=60"})), 0, "resume  from");
  CHECK((bytes_of_run(made.path("stopped")) == whole));

  const std::string killed = made.path("killed");
  for (const char* moment : {"log probabilities of all answers", "step 30: val loss"}) {
    INFO(moment);
    const bool first = !fs::exists(killed);
    std::vector<std::string> command = first ? made.command(keys, killed) : Preferences::resume(killed);
    command.push_back("--max_iters=60");
    command.insert(command.begin(), hewn_program().string());
    Process process(command);
    process.wait_for(moment);
    process.send(9);
    process.finish();
  }
  CHECK_FAILS(hewn(Preferences::resume(killed, {"--max_iters=60"})), 0, "done after step 60");
  CHECK((bytes_of_run(killed) == whole));
}

TEST_CASE("finetune prefer: in bf16, with recomputed blocks, and of a part of the model", "[prefer]") {
  const Preferences made;
  const auto margin = [&](const std::vector<std::string>& more, const std::string& out) {
    std::vector<std::string> all{"--max_iters=20", "--learning_rate=3e-3"};
    all.insert(all.end(), more.begin(), more.end());
    const auto trained = hewn(made.command(all, made.path(out)));
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    return json::parse(read_file(made.path(out) + "/evaluation.json"))["test"]["margin"].get<double>();
  };
  const double plain = margin({}, "plain");
  CHECK(plain > 0.2);
  CHECK(margin({"--recompute=true"}, "recomputed") == plain);
  CHECK(std::abs(margin({"--dtype=bf16"}, "bf16") - plain) < 0.2 * plain);
  CHECK(margin({"--train=last:1"}, "last") > 0.05);
  CHECK(margin({"--train=lora", "--lora_rank=4"}, "lora") > 0.05);
  const auto verified = hewn({"verify", made.path("lora"), "--merged"});
  CHECK(verified.exit_code == 0);
  CHECK(contains(verified.out, "4 rows of the run's data"));
  CHECK_FAILS(hewn({"merge", made.path("lora"), "--out=" + made.path("merged")}), 0, "");
  CHECK(fs::exists(made.path("lora") + "/checkpoints/last/adapter_model.safetensors"));
}

TEST_CASE("finetune prefer: pairs are shown as the model sees them", "[prefer]") {
  const Preferences made;
  const auto shown = hewn(made.command({"--show=1"}));
  INFO(shown.out);
  CHECK(shown.exit_code == 0);
  CHECK(contains(shown.out, ", chosen: "));
  CHECK(contains(shown.out, ", rejected: "));
  CHECK(contains(shown.out, "\n  masked  "));
  const json rows = json::parse(hewn(made.command({"--show=100", "--json"})).out);
  REQUIRE(rows.size() == 28);
  for (const json& row : rows) CHECK(row["chosen"]["targets"] != row["rejected"]["targets"]);
  const auto dry = hewn(made.command({"--dry_run"}));
  CHECK_FAILS(dry, 0, "7 steps of 4 pairs of rows");
  CHECK(contains(dry.out, "beta = 0.1"));
  CHECK(!fs::exists(made.run));
}

TEST_CASE("finetune prefer: mistakes are explained", "[prefer]") {
  const Preferences made;
  const auto with_rows = [&](const std::string& rows) {
    write_file(made.path("other.csv"), rows);
    return hewn(made.command({"--data=" + made.path("other.csv")}));
  };
  CHECK_FAILS(hewn({"finetune", "prefer", "--data=" + made.table}), 2, "--init_from=RUN");
  CHECK_FAILS(hewn(made.command({"--chosen=good"})), 2,
              "has no column good; its columns are question, best, worst");
  CHECK_FAILS(with_rows("question,best,worst\nWhy,yes,yes\n"), 3,
              "other.csv, line 2, column 9 (worst): is equal to the chosen answer");
  CHECK_FAILS(with_rows("question,best,worst\nWhy,,yes\n"), 3, "line 2, column 5 (best): is empty");
  CHECK_FAILS(with_rows("question,best,worst\nWhy,no\n"), 3, "line 2");
  for (const char* key :
       {"--beta=0", "--beta=-1", "--beta=nan", "--label_smoothing=0.5", "--label_smoothing=-0.1"})
    CHECK_FAILS(hewn(made.command({key})), 2, std::string(key).substr(2, 4));
  CHECK_FAILS(hewn(made.command({"--max_length=4"})), 3, "no row fits");
  CHECK_FAILS(hewn(made.command({"--max_length=257"})), 2, "max_length");
  CHECK(!fs::exists(made.run));
  const Preferences cut("Say a very long word," + std::string(300, 'q') + ",b\n");
  CHECK_FAILS(hewn(cut.command({"--max_iters=1"})), 0,
              "1 row with an answer cut after max_length = 256 tokens");

  REQUIRE(hewn(made.command({"--max_iters=1"})).exit_code == 0);
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + made.run}), 2, "`hewn finetune prefer`");
  const std::string reference = made.run + "/reference.safetensors", whole = read_file(reference);
  std::string damaged = whole;
  damaged.back() = static_cast<char>(damaged.back() ^ 1);
  write_file(reference, damaged);
  CHECK_FAILS(hewn(Preferences::resume(made.run, {"--max_iters=2"})), 3, "reference.safetensors: is damaged");
  fs::remove(reference);
  CHECK_FAILS(hewn(Preferences::resume(made.run, {"--max_iters=2"})), 3, "reference.safetensors: is missing");
  write_file(reference, whole);
  CHECK_FAILS(hewn(Preferences::resume(made.run, {"--max_iters=2"})), 0, "done after step 2");
  write_file(made.table, read_file(made.table) + "Say dog,dog,cat\n");
  CHECK_FAILS(hewn(Preferences::resume(made.run, {"--max_iters=3"})), 3, "the data differs");
}

}  // namespace hewn::test

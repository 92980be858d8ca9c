// hewn finetune instruct, and what its runs are used for: sample --instruct, chat, export.

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A small language model with a tokenizer of byte pairs, and a table of instructions whose answers repeat a word.
struct Instructions {
  TempDir dir;
  std::string base, table, run;

  Instructions() {
    const auto trained = hewn(small_train(dir, {"--tokenizer=bpe", "--vocab_size=280", "--max_iters=5",
                                                "--block_size=96", "--n_embd=32", "--bias=true"}));
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    base = path("run");
    run = path("helper");
    json rows = json::array();
    const char* words[] = {"cat", "dog", "bird", "tree"};
    for (int i = 0; i < 40; ++i)
      rows.push_back({{"instruction", "Say it." + std::string(static_cast<size_t>(i / 4), '.')},
                      {"input", words[i % 4]},
                      {"output", words[i % 4]}});
    table = path("rows.json");
    write_file(table, rows.dump(1));
  }

  std::string path(const std::string& name) const { return (dir / name).string(); }
  std::vector<std::string> command(const std::vector<std::string>& more = {},
                                   const std::string& out = "") const {
    std::vector<std::string> arguments{"finetune",
                                       "instruct",
                                       "--data=" + table,
                                       "--init_from=" + base,
                                       "--template=plain",
                                       "--threads=1",
                                       "--batch_size=4",
                                       "--max_new_tokens=8",
                                       "--out_dir=" + (out.empty() ? run : out)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

}  // namespace

TEST_CASE("finetune instruct: a model is trained, answers, and is exported with its template", "[instruct]") {
  const Instructions made;
  const auto trained =
      hewn(made.command({"--max_iters=400", "--learning_rate=3e-3", "--eval_interval=1000"}));
  CHECK_FAILS(trained, 0, "next: hewn chat " + made.run);
  CHECK(contains(trained.err, "28 rows for training, 4 for validation, 8 for the test"));

  const json responses = json::parse(read_file(made.run + "/responses.json"));
  REQUIRE(responses.size() == 8);
  int right = 0;
  for (const json& row : responses) {
    CHECK(row["instruction"].get<std::string>().starts_with("Say it."));
    CHECK(row["input"] == row["output"]);
    right += row["response"] == row["output"];
  }
  CHECK(right == 8);  // it has learned to repeat the word, and to stop

  const json task = json::parse(read_file(made.run + "/task.json"));
  CHECK(task["kind"] == "instruct");
  CHECK(task["template"]["name"] == "plain");
  CHECK(task["mask"] == "prompt");
  CHECK(task["columns"] == json{{"prompt", "instruction"}, {"input", "input"}, {"answer", "output"}});

  const auto sampled =
      hewn({"sample", made.run, "--instruct", "--start=Say it.\ncat", "--temperature=0", "--threads=1"});
  INFO(sampled.err);
  CHECK(sampled.exit_code == 0);
  const auto talked =
      hewn({"chat", made.run, "--temperature=0", "--max_new_tokens=8", "--threads=1"}, {.input = "cat\n"});
  CHECK(talked.exit_code == 0);
  CHECK(!contains(talked.out, "<|endoftext|>"));
  const auto again = hewn({"sample", made.run, "--instruct", "--start=cat", "--temperature=0",
                           "--max_new_tokens=8", "--threads=1"});
  CHECK(again.out == talked.out);  // the same prompt, not named again
  write_file(made.dir / "ask.jsonl",
             "{\"prompt\": \"Say it.\\ncat\", \"reference\": \"cat\"}\n"
             "{\"prompt\": \"Say it.\\ntree\", \"reference\": \"tree\"}\n");
  const auto scored = hewn({"eval", made.run, "--generate=" + made.path("ask.jsonl"), "--max_new_tokens=8",
                            "--methods=greedy,beam", "--json", "--threads=1"});
  INFO(scored.err);
  REQUIRE(scored.exit_code == 0);
  const json scores = json::parse(scored.out);
  for (const json& line : scores["tasks"])
    if (line["metric"] == "exact_match") CHECK(line["value"] == 1.0);

  CHECK(hewn({"export", made.run, "--format=hf", "--out=" + made.path("hf")}).exit_code == 0);
  const json words = json::parse(read_file(made.path("hf") + "/tokenizer_config.json"));
  CHECK(contains(words["chat_template"], "message['content'] + eos_token"));
  CHECK(hewn({"export", made.run, "--format=gguf", "--out=" + made.path("m.gguf")}).exit_code == 0);
  CHECK(contains(read_file(made.path("m.gguf")), "tokenizer.chat_template"));
}

TEST_CASE("finetune instruct: rows are shown as the model sees them", "[instruct]") {
  const Instructions made;
  const auto shown = hewn(made.command({"--show=2"}));
  INFO(shown.out);
  CHECK(shown.exit_code == 0);
  CHECK(!fs::exists(made.run));
  CHECK(contains(shown.out, "row 1 of 28, " + made.table + " line "));
  CHECK(contains(shown.out, "\n  masked  "));
  CHECK(contains(shown.out, "\n  learned "));
  CHECK(!contains(shown.out, "\033"));
  const auto colored = hewn(made.command({"--show=1", "--color=always"}));
  CHECK(contains(colored.out, "\033[90m  masked  "));
  CHECK(contains(colored.out, "\033[32m  learned "));

  const json rows = json::parse(hewn(made.command({"--show=100", "--json"})).out);
  REQUIRE(rows.size() == 28);
  for (const json& row : rows) {
    const auto tokens = row["tokens"].get<std::vector<int>>(),
               targets = row["targets"].get<std::vector<int>>();
    REQUIRE(tokens.size() == targets.size());
    bool answer = false;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (targets[i] != -100 && i + 1 < tokens.size()) CHECK(targets[i] == tokens[i + 1]);
      CHECK(answer <= (targets[i] != -100));  // one answer, at the end
      answer |= targets[i] != -100;
    }
    CHECK(answer);
  }
  const json all = json::parse(hewn(made.command({"--show=1", "--json", "--mask=none"})).out);
  for (const json& target : all[0]["targets"]) CHECK(target != -100);
}

TEST_CASE("finetune instruct: goes on after an interruption with the same bits", "[instruct]") {
  const Instructions made;
  const std::vector<std::string> keys{"--lr_decay_iters=6", "--eval_interval=3"};
  const auto with = [&](const char* more, const std::string& out) {
    std::vector<std::string> all(keys);
    all.emplace_back(more);
    return hewn(made.command(all, out)).exit_code;
  };
  REQUIRE(with("--max_iters=6", made.path("whole")) == 0);
  REQUIRE(with("--max_iters=3", made.run) == 0);
  const auto resumed = hewn({"finetune", "instruct", "--init_from=resume", "--out_dir=" + made.run,
                             "--max_iters=6", "--threads=1"});
  INFO(resumed.err);
  CHECK(resumed.exit_code == 0);
  for (const char* file : {"checkpoints/last/model.safetensors", "responses.json"})
    CHECK((read_file(fs::path(made.run) / file) == read_file(fs::path(made.path("whole")) / file)));
  CHECK_FAILS(
      hewn({"finetune", "instruct", "--init_from=resume", "--out_dir=" + made.run, "--template=alpaca"}), 2,
      "template");
}

TEST_CASE("finetune instruct: an interrupted run has answered so far, and goes on to the same bits",
          "[instruct]") {
  const Instructions made;
  const std::vector<std::string> keys{"--max_iters=60", "--eval_interval=20", "--sample_interval=5",
                                      "--max_new_tokens=2", "--log_interval=1"};
  REQUIRE(hewn(made.command(keys, made.path("whole"))).exit_code == 0);
  const auto answers_of = [](const std::string& run) {
    return json::parse(read_file(run + "/responses.json"));
  };
  {
    auto command = made.command(keys);
    command.insert(command.begin(), hewn_program().string());
    Process process(command);
    REQUIRE(process.wait_for("step 20: val loss"));
    process.send(SIGINT);
    const auto stopped = process.finish();
    INFO(stopped.err);
    CHECK(stopped.exit_code == 130);
    CHECK(contains(stopped.err, "resume with: "));
    CHECK(contains(stopped.err, "finetune instruct --init_from=resume"));
  }
  REQUIRE(answers_of(made.run).size() == 8);  // although it had no end
  for (const json& row : answers_of(made.run)) CHECK(row.contains("response"));
  CHECK_FAILS(hewn({"finetune", "instruct", "--init_from=resume", "--out_dir=" + made.run, "--threads=2"}), 0,
              "done after step 60");
  CHECK((read_file(made.run + "/checkpoints/last/model.safetensors") ==
         read_file(made.path("whole") + "/checkpoints/last/model.safetensors")));
  CHECK(answers_of(made.run) == answers_of(made.path("whole")));
}

TEST_CASE("finetune instruct: eval scores the run's own rows, and an adapted run is a start for others",
          "[instruct]") {
  const Instructions made;
  const auto trained =
      hewn(made.command({"--max_iters=12", "--eval_interval=4", "--train=lora", "--learning_rate=1e-2"}));
  CHECK_FAILS(trained, 0, "next: hewn chat " + made.run);
  const auto verified = hewn({"verify", made.run, "--merged"});
  INFO(verified.err);
  CHECK(verified.exit_code == 0);
  CHECK(contains(verified.out, "4 rows of the run's data"));
  const auto scored = hewn({"eval", made.run, "--json", "--threads=1"});
  INFO(scored.err);
  REQUIRE(scored.exit_code == 0);
  const json scores = json::parse(scored.out),
             state = json::parse(read_file(made.run + "/checkpoints/best/state.json"));
  CHECK(scores["validation"]["rows"] == 4);
  CHECK(scores["test"]["rows"] == 8);
  CHECK(scores["test"]["tokens"].get<int64_t>() >= 2 * 8);  // of each answer, and its end
  CHECK(scores["validation"]["loss"].get<double>() == Approx(state["val_loss"].get<double>()).epsilon(1e-5));
  CHECK(contains(hewn({"eval", made.run}).out, "test, 8 rows, "));
  fs::rename(made.table, made.path("moved.json"));
  CHECK_FAILS(hewn({"eval", made.run}), 3, "rows.json");
  CHECK(contains(hewn({"verify", made.run, "--merged"}).out, "windows of random tokens"));
  fs::rename(made.path("moved.json"), made.table);

  std::string pairs = "prompt,chosen,rejected\n";
  for (int i = 0; i < 20; ++i) pairs += "Say it " + std::to_string(i) + ",cat,dog\n";
  write_file(made.dir / "pairs.csv", pairs);
  const std::string better = made.path("better");
  CHECK_FAILS(hewn({"finetune", "prefer", "--data=" + made.path("pairs.csv"), "--init_from=" + made.run,
                    "--max_iters=1", "--threads=1", "--out_dir=" + better}),
              0, "done after step 1");
  const json task = json::parse(read_file(better + "/task.json"));
  CHECK(task["template"]["name"] == "plain");
  CHECK(contains(task["base"]["path"].get<std::string>(), made.run));
  CHECK(task["base"]["hash"].get<std::string>().size() == 16);
}

TEST_CASE("finetune instruct: mistakes are explained", "[instruct]") {
  const Instructions made;
  const auto with_rows = [&](const std::string& rows, const std::vector<std::string>& more = {}) {
    write_file(made.table, rows);
    return hewn(made.command(more));
  };
  CHECK_FAILS(hewn({"finetune", "instruct", "--data=" + made.table}), 2, "--init_from=RUN");
  CHECK_FAILS(hewn(made.command({"--template=alpacca"})), 2,
              "'alpacca' is not a template; expected alpaca|phi|chatml|plain");
  CHECK_FAILS(hewn(made.command({"--max_length=97"})), 2, "max_length");
  CHECK_FAILS(hewn(made.command({"--max_length=3"})), 3, "no row fits");
  CHECK_FAILS(hewn(made.command({"--answer=reply"})), 2, "has no column reply; its columns are");
  CHECK_FAILS(with_rows("", {}), 3, "rows.json: is empty");
  CHECK_FAILS(with_rows("[{\"instruction\": \"a\",\n"), 3, "rows.json, line 1, column ");
  CHECK_FAILS(with_rows("[{\"instruction\": \"a\"},\n{\"instruction\": 3, \"output\": [1]}]"), 3,
              "rows.json, line 1 (output): no value");
  CHECK_FAILS(with_rows("a,b,c\n1,2,3\n"), 2, "neither messages nor instruction and output");
  CHECK_FAILS(with_rows("question,answer\nWhy,\xff\n"), 3, "line 2, column 5: the byte 255 is not UTF-8");
  CHECK(!fs::exists(made.run));
  CHECK_FAILS(hewn({"sample", made.base, "--instruct", "--start=x"}), 2, "was not trained by hewn");
  CHECK_FAILS(hewn({"sample", made.base, "--instruct", "--template=chatml"}), 2, "add --prompt=TEXT");
}

}  // namespace hewn::test

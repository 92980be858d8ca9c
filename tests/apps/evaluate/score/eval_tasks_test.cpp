// hewn eval --tasks and --generate, from files to tables.

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

/// A small run, tasks and prompts about its text.
class Stage {
 public:
  Stage() {
    REQUIRE(hewn(small_train(dir_)).exit_code == 0);
    std::string choices, texts;
    for (int i = 0; i < 12; ++i) {
      const std::string a = i % 2 ? "sat" : "ggg";
      choices +=
          Json{{"query", "the cat"}, {"choices", {a, i % 2 ? "zzz" : "sat"}}, {"gold", i % 3 == 0 ? 1 : 0}}
              .dump() +
          "\n";
      texts += Json{{"context", "the cat"}, {"continuation", i % 2 ? "s" : "g"}}.dump() + "\n";
    }
    std::filesystem::create_directory(dir_ / "tasks");
    write_file(dir_ / "tasks/choices.jsonl", without_z(choices));
    write_file(dir_ / "tasks/texts.jsonl", without_z(texts));
    write_file(dir_ / "prompts.jsonl",
               "{\"prompt\": \"the cat \", \"reference\": \"sat on\"}\n"
               "{\"prompt\": \"a bird\", \"reference\": [\"in a tree\", \"sang\"]}\n");
  }

  std::string path(const std::string& name) const { return (dir_ / name).string(); }
  ProcessResult eval(std::vector<std::string> more) const {
    more.insert(more.begin(), {"eval", path("run")});
    const ProcessResult r = hewn(more);
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    return r;
  }

 private:
  /// The run has no z.
  static std::string without_z(std::string text) {
    std::replace(text.begin(), text.end(), 'z', 'b');
    return text;
  }

  TempDir dir_;
};

}  // namespace

TEST_CASE("eval --tasks: the share of right answers, with intervals", "[eval]") {
  const Stage stage;
  const std::string tasks = "--tasks=" + stage.path("tasks"), file = stage.path("answers.jsonl");
  const Json all = Json::parse(stage.eval({tasks, "--json", "--answers=" + file}).out);
  REQUIRE(all["tasks"].size() == 4);  // three metrics of choices, one of texts
  // Every value is what the file of answers says.
  std::map<std::string, double> right;
  double rows = 0;
  const std::string lines = read_file(file);
  for (size_t at = 0; at < lines.size(); at = lines.find('\n', at) + 1) {
    const Json line = Json::parse(lines.substr(at, lines.find('\n', at) - at));
    if (line["task"] == "texts") {
      right["texts"] += line["correct"].get<bool>();
      continue;
    }
    ++rows;
    for (const char* metric : {"accuracy", "accuracy_per_token", "accuracy_per_character"})
      right[metric] += line[metric] == line["gold"];
    const auto logs = line["log_probabilities"];
    CHECK(line["accuracy"] == (logs[1].get<double>() > logs[0].get<double>() ? 1 : 0));
  }
  CHECK(rows == 12);
  for (const Json& task : all["tasks"]) {
    const std::string metric = task["metric"];
    const bool texts = task["name"] == "texts";
    CHECK(task["n"] == 12);
    CHECK(std::abs(task["value"].get<double>() - right[texts ? "texts" : metric] / 12) <= 1e-9);
    CHECK(task["chance"] == (texts ? 0 : 0.5));
    CHECK(task["low"] <= task["value"]);
    CHECK(task["value"] <= task["high"]);
  }
  const double centred = (right["accuracy_per_token"] / 12 - 0.5) / 0.5;
  CHECK(std::abs(all["mean"].get<double>() - (centred + right["texts"] / 12) / 2) <= 1e-9);
  for (const char* part : {"95% interval", "choices", "accuracy_per_token", "mean over tasks"})
    CHECK(contains(stage.eval({tasks}).out, part));
  CHECK(contains(stage.eval({tasks, "--md"}).out, "| choices |"));
  CHECK(stage.eval({tasks, "--csv"}).out.starts_with("name,method,n,metric,"));
  const auto answers = [&](const std::string& delimiter) {
    stage.eval({tasks, "--shots=2", "--delimiter=" + delimiter, "--answers=" + file});
    return read_file(file);
  };
  CHECK(answers("\\n") != answers(" "));
}

TEST_CASE("eval: two runs are compared row by row", "[eval]") {
  const Stage stage;
  const std::string tasks = "--tasks=" + stage.path("tasks");
  const Json same = Json::parse(stage.eval({stage.path("run"), tasks, "--json"}).out);
  CHECK(same["runs"].size() == 2);
  for (const Json& task : same["tasks"]) {
    CHECK(task["value"] == 0);
    CHECK(task["p"] == 1);
    CHECK(task["first"] == task["second"]);
  }
  CHECK(same["mean"] == 0);
  const std::string early = stage.path("run") + "/checkpoints/step-000010";
  const Json two = Json::parse(stage.eval({early, tasks, "--json"}).out);
  const Json one = Json::parse(stage.eval({tasks, "--json"}).out);
  for (size_t i = 0; i < two["tasks"].size(); ++i) {
    const Json& task = two["tasks"][i];
    CHECK(task["first"] == one["tasks"][i]["value"]);
    CHECK(std::abs(task["second"].get<double>() - task["first"].get<double>() -
                   task["value"].get<double>()) <= 1e-9);
  }
  CHECK(contains(stage.eval({early, tasks}).out, "difference"));
}

TEST_CASE("eval --generate: scores of answers for each method", "[eval]") {
  const Stage stage;
  const std::string file = stage.path("answers.jsonl");
  const std::vector<std::string> call{"--generate=" + stage.path("prompts.jsonl"), "--max_new_tokens=8",
                                      "--json"};
  const auto scored = [&](std::vector<std::string> more) {
    more.insert(more.begin(), call.begin(), call.end());
    return Json::parse(stage.eval(more).out);
  };
  const Json greedy = scored({"--answers=" + file});
  CHECK(greedy["mean"].is_null());
  std::vector<std::string> metrics;
  for (const Json& line : greedy["tasks"]) {
    CHECK(line["method"] == "greedy");
    CHECK(line["n"] == 2);
    metrics.push_back(line["metric"]);
  }
  CHECK(metrics == std::vector<std::string>{"exact_match", "f1", "bleu_1", "bleu_2", "bleu_3", "bleu_4",
                                            "sentence_bleu_1", "sentence_bleu_2", "sentence_bleu_3",
                                            "sentence_bleu_4", "rouge_l", "rouge_l_stemmed", "distinct_1",
                                            "distinct_2", "repetition"});
  const Json first = Json::parse(read_file(file).substr(0, read_file(file).find('\n')));
  const std::string text = Json::parse(hewn({"sample", stage.path("run"), "--start=the cat ",
                                             "--temperature=0", "--max_new_tokens=8", "--json"})
                                           .out)[0];
  CHECK(contains(text, first["answer"].get<std::string>()));
  CHECK(first["reference"] == Json{"sat on"});
  const Json all = scored({"--methods=all"});
  CHECK(all["tasks"].size() == 9 * metrics.size());
  CHECK(scored({"--methods=top_k,beam", "--top_k=3"})["tasks"][0]["method"] == "top_k=3 at temperature=0.8");
  const Json two = scored({stage.path("run")});
  for (const Json& line : two["tasks"]) CHECK(line["value"] == 0);
  CHECK_FAILS(hewn({"eval", stage.path("run"), call[0], "--methods=best"}), 2,
              "\"best\" is not a method; expected greedy");
}

TEST_CASE("eval --responses: answers of a file, without a run", "[eval]") {
  const TempDir dir;
  const std::string file = (dir / "responses.csv").string(), each = (dir / "each.jsonl").string();
  write_file(file, "response,reference\nthe cat sat on the mat,the cat is on the mat\nA dog!,dog\n");
  const ProcessResult r = hewn({"eval", "--responses=" + file, "--json", "--answers=" + each});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  std::map<std::string, double> values;
  const Json report = Json::parse(r.out);
  for (const Json& line : report["tasks"]) values[line["metric"]] = line["value"];
  CHECK(values["exact_match"] == 0.5);
  // 5 of 6 and 1 of 3 words, in answers that are longer than the references
  CHECK(std::abs(values["bleu_1"] - 100 * 6.0 / 9) <= 1e-9);
  CHECK(std::abs(values["rouge_l"] - (5.0 / 6 + 2.0 / 3) / 2) <= 1e-9);
  CHECK(Json::parse(read_file(each).substr(0, read_file(each).find('\n')))["rouge_l"] == 5.0 / 6);
  CHECK_FAILS(hewn({"eval", "run", "--responses=" + file}), 2, "no run is needed");
  const std::string rows = (dir / "responses.json").string();
  write_file(rows, R"([{"instruction": "?", "output": "a b", "response": "a b"}])");
  CHECK(contains(hewn({"eval", "--responses=" + rows}).out, "1.0000"));
  write_file(file, "response,text\na,b\n");
  CHECK_FAILS(hewn({"eval", "--responses=" + file}), 3, "`reference` is missing");
}

TEST_CASE("eval: keys and files that do not fit are refused", "[eval]") {
  const Stage stage;
  const std::string run = stage.path("run"), tasks = "--tasks=" + stage.path("tasks/choices.jsonl");
  CHECK_FAILS(hewn({"eval", run, tasks, "--val=x"}), 2, "applies to a text");
  CHECK_FAILS(hewn({"eval", run, tasks, "--generate=x"}), 2, "--generate: cannot be combined with --tasks");
  CHECK_FAILS(hewn({"eval", run, tasks, "--methods=greedy"}), 2, "applies to --generate, not to tasks");
  CHECK_FAILS(hewn({"eval", run, "--generate=x", "--shots=1"}), 2, "applies to --tasks, not to generate");
  CHECK_FAILS(hewn({"eval", run, "--md"}), 2, "applies to --tasks, not to a text");
  CHECK_FAILS(hewn({"eval", run, tasks, "--md", "--csv"}), 2, "give one of them");
  CHECK_FAILS(hewn({"eval", run, run, run, tasks}), 2, "3 runs were given");
  CHECK_FAILS(hewn({"eval", run, run}), 2, "expected one run");
  CHECK_FAILS(hewn({"eval", run, tasks, "--shots=12"}), 3, "has 12 rows; 12 shots need at least 13");
  CHECK_FAILS(hewn({"eval", run, "--tasks=" + stage.path("none.jsonl")}), 3, "none.jsonl");
  write_file(stage.path("bad.jsonl"), "{\"query\": \"a\", \"choices\": [\"b\", \"c\"], \"gold\": 5}\n");
  CHECK_FAILS(hewn({"eval", run, "--tasks=" + stage.path("bad.jsonl")}), 3, "bad.jsonl, line 1");
  write_file(stage.path("long.jsonl"),
             Json{{"context", std::string(50, 'a')}, {"continuation", "cat"}}.dump());
  CHECK_FAILS(hewn({"eval", run, "--tasks=" + stage.path("long.jsonl")}), 0,
              "1 of 1 rows exceed the context of 16");
  write_file(stage.path("long.jsonl"), Json{{"context", "a"}, {"continuation", std::string(50, 'a')}}.dump());
  CHECK_FAILS(hewn({"eval", run, "--tasks=" + stage.path("long.jsonl")}), 3, "expected at most 16");
  write_file(stage.path("alien.jsonl"), "{\"context\": \"Z\", \"continuation\": \"cat\"}");
  CHECK_FAILS(hewn({"eval", run, "--tasks=" + stage.path("alien.jsonl")}), 3, "alien.jsonl, line 1");
}

}  // namespace hewn::test

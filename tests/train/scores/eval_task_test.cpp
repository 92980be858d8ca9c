// Files of tasks: what is read, and what is said about mistakes.

#include "train/scores/eval_task.h"

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "train/scores/core_yaml.h"

namespace hewn {
namespace {

using Texts = std::vector<std::string>;

/// Reading the text must fail with all of these parts.
void refused(const std::string& text, std::initializer_list<std::string> parts) {
  INFO(text);
  CHECK(test::fails(ErrorCode::input, parts, [&] { eval_task_of(text, "t.jsonl"); }));
}

constexpr const char* choice_row = R"({"query": "2 + 2 =", "choices": ["3", "4"], "gold": 1})";

}  // namespace

TEST_CASE("eval tasks: the three layouts", "[scores]") {
  const EvalTask choice =
      eval_task_of(std::string("\xEF\xBB\xBF") + choice_row + "\r\n\n" +
                       R"({"query": "", "choices": ["a", "b", "c", "d"], "gold": 0, "x": []})",
                   "folder/sums.jsonl");
  CHECK(choice.name == "sums");
  CHECK(choice.kind == EvalKind::multiple_choice);
  REQUIRE(choice.rows.size() == 2);
  CHECK(choice.rows[0].contexts == Texts{"2 + 2 ="});
  CHECK(choice.rows[0].continuations == Texts{"3", "4"});
  CHECK(choice.rows[0].gold == 1);
  CHECK(choice.rows[1].where == "folder/sums.jsonl, line 3");
  CHECK(choice.chance == (0.5 + 0.25) / 2);
  CHECK(choice.delimiter == " ");

  const EvalTask schema = eval_task_of(
      R"({"context_options": ["The cup", "The ball"], "continuation": "is full", "gold": 0})", "s");
  CHECK(schema.kind == EvalKind::schema);
  CHECK(schema.rows[0].contexts == Texts{"The cup", "The ball"});
  CHECK(schema.rows[0].choices() == 2);
  CHECK(schema.chance == 0.5);

  const EvalTask text = eval_task_of(R"({"context": "once upon a", "continuation": "time"})", "c");
  CHECK(text.kind == EvalKind::continuation);
  CHECK(text.rows[0].choices() == 1);
  CHECK(text.chance == 0);
}

TEST_CASE("eval tasks: mistakes are named by file, line and key", "[scores]") {
  refused("", {"t.jsonl"});
  refused("{\"query\": ", {"t.jsonl, line 1"});
  refused("[1]", {"t.jsonl, line 1"});
  refused(R"({"question": "?", "answer": "!"})",
          {"t.jsonl, line 1", "a known kind of task", "`query`", "`context_options`"});
  refused(R"({"query": "?", "choices": ["a", "b"]})",
          {"t.jsonl, line 1", "`gold` is missing", "multiple_choice"});
  const auto second = [](const std::string& row) { return std::string(choice_row) + "\n" + row; };
  refused(second(R"({"query": "?", "choices": ["a", "b"]})"), {"t.jsonl, line 2", "gold", "missing"});
  refused(second(R"({"context": "?", "continuation": "a"})"), {"t.jsonl, line 2", "query", "missing"});
  refused(second(R"({"query": "?", "choices": ["a", "b"], "gold": 2})"), {"line 2", "(gold): 2", "0 to 1"});
  refused(second(R"({"query": "?", "choices": ["a", "b"], "gold": -1})"), {"(gold): -1"});
  refused(second(R"({"query": "?", "choices": ["a", "b"], "gold": "a"})"), {"(gold): a", "index"});
  refused(second(R"({"query": "?", "choices": ["a", "b"], "gold": 1e300})"), {"(gold): 1e300"});
  refused(second(R"({"query": "?", "choices": ["a", "b"], "gold": [1]})"), {"line 2", "gold"});
  refused(second(R"({"query": "?", "choices": ["a"], "gold": 0})"),
          {"(choices)", "a list of 1", "two texts or more"});
  refused(second(R"({"query": "?", "choices": "ab", "gold": 0})"), {"(choices)", "expected a list"});
  refused(second(R"({"query": "?", "choices": ["a", 3], "gold": 0})"), {"(choices)", "number", "texts only"});
  refused(second(R"({"query": "?", "choices": ["a", " "], "gold": 0})"),
          {"line 2", "(choices)", "an empty text"});
  refused(second(R"({"query": 7, "choices": ["a", "b"], "gold": 0})"),
          {"(query)", "a number", "expected a text"});
  refused(R"({"context": "a", "continuation": ""})", {"(continuation)", "an empty text"});
  refused(R"({"context_options": ["a"], "continuation": "b", "gold": 0})",
          {"(context_options)", "a list of 1"});
  refused("{\"context\": \"\xFF\", \"continuation\": \"b\"}", {"t.jsonl", "UTF-8"});
  refused(std::string(100000, '['), {"t.jsonl, line 1"});
}

TEST_CASE("eval tasks: a directory, and the benchmark's list", "[scores]") {
  const test::TempDir dir;
  const auto read = [&] { return read_eval_tasks(dir.path().string()); };
  CHECK(test::fails(ErrorCode::input, {"neither core.yaml nor files"}, read));
  test::write_file(dir / "b.jsonl", choice_row);
  test::write_file(dir / "a.jsonl", R"({"context": "x", "continuation": "y"})");
  test::write_file(dir / "notes.txt", "not a task");
  const auto tasks = read();
  REQUIRE(tasks.size() == 2);
  CHECK(tasks[0].name == "a");
  CHECK(tasks[1].name == "b");
  CHECK(test::fails(ErrorCode::input, {"missing.jsonl"},
                    [&] { read_eval_tasks((dir / "missing.jsonl").string()); }));

  test::write_file(dir / "core.yaml", R"(# a list
icl_tasks:
-
    label: sums_few   # comment
    dataset_uri: sums/b.jsonl
    num_fewshot: [10]
    icl_task_type: multiple_choice
    continuation_delimiter: "\nAnswer: "
    has_categories: true

- label: 'it''s'
  dataset_uri: "a.jsonl"
  num_fewshot: 0
  icl_task_type: language_modeling
)");
  CHECK(test::fails(ErrorCode::input, {"core.yaml:3", "sums_few", "missing file", "eval_data"}, read));
  std::filesystem::create_directories(dir / "eval_data/sums");
  std::filesystem::rename(dir / "b.jsonl", dir / "eval_data/sums/b.jsonl");
  const auto listed = read();
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].name == "sums_few");
  CHECK(listed[0].shots == 10);
  CHECK(listed[0].delimiter == "\nAnswer: ");
  CHECK(listed[1].name == "it's");
  CHECK(listed[1].delimiter == " ");
  CHECK(listed[1].trims_contexts);
  CHECK(read_eval_tasks((dir / "core.yaml").string()).size() == 2);
  std::filesystem::copy_file(dir / "core.yaml", dir / "other.yml");
  CHECK(read_eval_tasks((dir / "other.yml").string()).size() == 2);
  CHECK(listed[0].chance == 0.5);
  const std::string head = "Eval Task,Task Category,Random baseline,Description\n";
  test::write_file(dir / "eval_meta_data.csv", head + "sums_few,math,62.5,\"sums, few\"\n");
  CHECK(read()[0].chance == 0.625);
  for (const std::string wrong : {"all", "50%", "-1", "100", "nan"}) {
    test::write_file(dir / "eval_meta_data.csv", head + "sums_few,math," + wrong + ",\"sums\"\n");
    CHECK(test::fails(ErrorCode::input,
                      {"eval_meta_data.csv, line 2", "\"" + wrong + "\"; expected a percentage below 100"},
                      read));
  }
  for (const char* other : {"Eval Task,Chance\nsums_few,50\n", "Task,Random baseline\nsums_few,50\n"}) {
    test::write_file(dir / "eval_meta_data.csv", other);
    CHECK(test::fails(ErrorCode::input,
                      {"eval_meta_data.csv: expected the columns \"Eval Task\" and \"Random baseline\""},
                      read));
  }
  std::filesystem::remove(dir / "eval_meta_data.csv");
  test::write_file(dir / "a.jsonl", choice_row);  // of another kind than the list says
  CHECK(test::fails(ErrorCode::input, {"a.jsonl, line 1", "`context` is missing"}, read));
}

TEST_CASE("core.yaml: comments, quoted values and numbers in brackets", "[scores]") {
  const auto tasks = tasks_of_yaml(R"(---
icl_tasks: # all of them
- # the first
  label: 'a' # one
  dataset_uri: b
  num_fewshot: [ 1000 ]
  icl_task_type: schema
  continuation_delimiter: "\t\"\\\/ "
)",
                                   "l");
  REQUIRE(tasks.size() == 1);
  CHECK(tasks[0].name == "a");
  CHECK(tasks[0].shots == 1000);
  CHECK(tasks[0].line == 3);
  CHECK(tasks[0].delimiter == "\t\"\\/ ");
}

TEST_CASE("core.yaml: mistakes are named by line", "[scores]") {
  const std::string good =
      "icl_tasks:\n- label: a\n  dataset_uri: b\n  num_fewshot: [0]\n  icl_task_type: schema\n";
  CHECK(tasks_of_yaml(good, "l").size() == 1);
  const auto said = [&](const std::string& text, std::initializer_list<std::string> parts) {
    INFO(text);
    CHECK(test::fails(ErrorCode::input, parts, [&] { tasks_of_yaml(text, "l"); }));
  };
  said("", {"no tasks"});
  said("icl_tasks:\n", {"no tasks"});
  said("tasks:\n- label: a\n", {"l:1", "icl_tasks:"});
  said("icl_tasks:\nlabel: a\n", {"l:2", "`-`"});
  said("icl_tasks:\n- label: a\n", {"l:2", "no `dataset_uri`"});
  said("icl_tasks:\n- label:\n  dataset_uri: b\n", {"l:2", "no `label`"});
  for (const char* line : {"label", "label:a", ": a"})
    said(std::string("icl_tasks:\n- ") + line + "\n", {"l:2", "key: value"});
  said(good + "  label: c\n", {"l:6", "`label` occurs twice"});
  said(good + "  continuation_delimiter: \"\\x\"\n", {"l:6", "unknown escape \\x"});
  said(good + "  continuation_delimiter: \"a\n", {"l:6", "no closing quotation mark"});
  said(good + "  continuation_delimiter: \"a\\\n", {"l:6", "no closing quotation mark"});
  said(good + "  continuation_delimiter: 'a' b\n", {"l:6", "after its closing"});
  said(good + "  other: {a: b}\n", {"l:6", "not supported"});
  said("icl_tasks:\n- label: a\n  dataset_uri: b\n  num_fewshot: [0, 5]\n", {"l:4", "one number"});
  for (const std::string shots : {"many", "5x", "-1", "1001"})
    said("icl_tasks:\n- label: a\n  dataset_uri: b\n  num_fewshot: " + shots + "\n  icl_task_type: schema\n",
         {"l:4", "num_fewshot is " + shots + "; expected 0 to 1000"});
  said("icl_tasks:\n- label: a\n  dataset_uri: b\n  num_fewshot: 1\n  icl_task_type: essay\n",
       {"l:5", "essay", "language_modeling"});
}

}  // namespace hewn

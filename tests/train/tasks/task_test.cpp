// task.json: what is written is read, everything else is refused.

#include "train/tasks/task.h"

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using test::fails;

test::Failure refused_task(const std::string& json, std::initializer_list<std::string> parts) {
  return fails(ErrorCode::input, parts, [&] { task_from_json(json, "task.json"); });
}

std::string task_with(const std::string& members) {
  return R"({"format": "hewn-task", "version": 1)" + (members.empty() ? "" : ", " + members) + "}";
}

}  // namespace

TEST_CASE("task: every member is written and read") {
  Task classify{.kind = Task::Kind::classify,
                .labels = {"ham", "spam"},
                .columns = {{"text", "message"}, {"label", "1"}},
                .position = "mean",
                .max_length = 120,
                .train = "last:2",
                .base = Task::Base{"../gpt2", "0123456789abcdef"}};
  CHECK(task_from_json(task_to_json(classify), "t") == classify);
  const Task instruct{
      .kind = Task::Kind::instruct, .chat = find_template("chatml"), .mask = "none", .train = "lora"};
  CHECK(task_from_json(task_to_json(instruct), "t") == instruct);
  CHECK(!(task_from_json(task_to_json(instruct), "t") == classify));
  // Runs of earlier versions divided equal texts independently.
  CHECK(task_from_json(task_with(R"("kind": "classify", "labels": ["a", "b"])"), "t").split_version ==
        rows_apart);
  CHECK(classify.split_version == rows_together);
  classify.split_version = rows_apart;
  CHECK(task_from_json(task_to_json(classify), "t") == classify);
  CHECK(classify.longest_row(100) == 100);
  CHECK(classify.longest_row(300) == 120);
  CHECK(instruct.longest_row(300) == 300);
  const test::TempDir run;
  CHECK(!read_task(run.path().string()));
  write_task(run.path().string(), instruct);
  CHECK(read_task(run.path().string()) == instruct);
}

TEST_CASE("task: unknown kinds, versions and members of the wrong type are refused") {
  CHECK(refused_task("", {"not JSON: "}));
  CHECK(refused_task("[]", {"task.json: is not a task"}));
  CHECK(refused_task("{\"format\": \"other\"}",
                     {"is not a task; expected an object with \"format\": \"hewn-task\""}));
  CHECK(refused_task(R"({"format": 3})", {"task.json: "}));
  CHECK(refused_task(R"({"format": "hewn-task", "version": 2, "kind": "classify"})",
                     {"has format version 2; this program reads version 1"}));
  CHECK(refused_task(task_with(R"("kind": "rank")"), {"the task \"rank\" is unknown"}));
  CHECK(refused_task(task_with(""), {"task.json: ", "kind"}));
  CHECK(refused_task(task_with(R"("kind": "classify", "labels": ["a"])"), {"1 labels, 1 of them different"}));
  CHECK(refused_task(task_with(R"("kind": "classify", "labels": ["a", "a"])"),
                     {"2 labels, 1 of them different"}));
  CHECK(refused_task(task_with(R"("kind": "classify", "labels": [1, 2])"), {"task.json: ", "string"}));
  CHECK(refused_task(task_with(R"("kind": "classify", "labels": ["a", "b"], "position": "first")"),
                     {"position is \"first\"; expected last or mean"}));
  CHECK(refused_task(task_with(R"("kind": "classify", "labels": ["a", "b"], "max_length": -1)"),
                     {"max_length is -1"}));
  CHECK(refused_task(task_with(R"("kind": "classify", "labels": ["a", "b"], "split_version": 3)"),
                     {"split_version is 3; expected 1 or 2"}));
  CHECK(refused_task(task_with(R"("kind": "instruct")"), {"needs a template"}));
  CHECK(refused_task(task_with(R"("kind": "instruct", "template": {"before_user": 1})"),
                     {"the template's \"before_user\" is number; expected text"}));
  CHECK(refused_task(task_with(R"("kind": "instruct", "template": {"user": "x"})"), {"no member \"user\""}));
  CHECK(refused_task(task_with(R"("kind": "instruct", "template": {"name": "x"})"),
                     {"nothing between messages"}));
  CHECK(refused_task(task_with(R"("kind": "classify", "labels": ["a", "b"], "base": {"path": "x"})"),
                     {"task.json: ", "hash"}));
}

}  // namespace hewn

#include "train/tasks/task.h"

#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/json.h"

namespace hewn {
namespace {

constexpr std::string_view task_format = "hewn-task";
constexpr int task_version = 1;
constexpr size_t most_task_bytes = size_t{64} << 20;
constexpr Task::Kind task_kinds[] = {Task::Kind::classify, Task::Kind::instruct, Task::Kind::prefer};

Task::Kind kind_named(const std::string& name, const std::string& where) {
  for (const Task::Kind kind : task_kinds)
    if (name_of(kind) == name) return kind;
  fail(ErrorCode::input, where, ": the task \"", name.substr(0, 100),
       "\" is unknown to this program; expected classify, instruct or prefer");
}

void check_choice(const std::string& value, std::string_view one, std::string_view other,
                  std::string_view member, const std::string& where) {
  if (!value.empty() && value != one && value != other)
    fail(ErrorCode::input, where, ": ", member, " is \"", value.substr(0, 100), "\"; expected ", one, " or ",
         other);
}

void check_task(const Task& task, const std::string& where) {
  check_choice(task.position, "last", "mean", "position", where);
  check_choice(task.mask, "prompt", "none", "mask", where);
  if (task.max_length < 0)
    fail(ErrorCode::input, where, ": max_length is ", task.max_length, "; expected 0 or more");
  if (task.split_version != rows_apart && task.split_version != rows_together)
    fail(ErrorCode::input, where, ": split_version is ", task.split_version, "; expected ", rows_apart,
         " or ", rows_together);
  if (task.kind != Task::Kind::classify) {
    if (!task.chat)
      fail(ErrorCode::input, where, ": a task of the kind ", name_of(task.kind), " needs a template");
    return;
  }
  const std::set<std::string> distinct(task.labels.begin(), task.labels.end());
  if (distinct.size() < 2 || distinct.size() != task.labels.size())
    fail(ErrorCode::input, where, ": ", task.labels.size(), " labels, ", distinct.size(),
         " of them different; a classifier needs at least two, all different");
}

Task parse_task(const nlohmann::json& json, const std::string& where) {
  if (!json.is_object() || json.value("format", "") != task_format)
    fail(ErrorCode::input, where, ": is not a task; expected an object with \"format\": \"", task_format,
         "\"");
  if (json.at("version") != task_version)
    fail(ErrorCode::input, where, ": has format version ", json_text(json.at("version")).substr(0, 100),
         "; this program reads version ", task_version);
  Task task;
  task.kind = kind_named(json.at("kind").get<std::string>(), where);
  task.labels = json.value("labels", task.labels);
  task.columns = json.value("columns", task.columns);
  if (json.contains("template")) task.chat = template_from_json(json["template"], where);
  task.position = json.value("position", "");
  task.mask = json.value("mask", "");
  task.max_length = json.value("max_length", int64_t{0});
  task.train = json.value("train", "");
  task.split_version = json.value("split_version", rows_apart);
  if (json.contains("base"))
    task.base =
        Task::Base{json["base"].at("path").get<std::string>(), json["base"].at("hash").get<std::string>()};
  check_task(task, where);
  return task;
}

std::string path_in(const std::string& run) { return run + "/" + task_file; }

}  // namespace

std::string_view name_of(Task::Kind kind) {
  return kind == Task::Kind::classify ? "classify" : kind == Task::Kind::instruct ? "instruct" : "prefer";
}

std::string task_to_json(const Task& task) {
  Json json{{"format", task_format}, {"version", task_version}, {"kind", name_of(task.kind)}};
  if (!task.labels.empty()) json["labels"] = task.labels;
  if (!task.columns.empty()) json["columns"] = task.columns;
  if (task.chat) json["template"] = template_to_json(*task.chat);
  if (!task.position.empty()) json["position"] = task.position;
  if (!task.mask.empty()) json["mask"] = task.mask;
  if (task.max_length > 0) json["max_length"] = task.max_length;
  if (!task.train.empty()) json["train"] = task.train;
  json["split_version"] = task.split_version;
  if (task.base) json["base"] = {{"path", task.base->path}, {"hash", task.base->hash}};
  return exact_json_text(json, 2) + "\n";
}

Task task_from_json(std::string_view text, const std::string& where) {
  const Doing reading("reading ", where);
  try {
    return parse_task(parse_json(text), where);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::input, where, ": ", json_reason(error));
  }
}

std::optional<Task> read_task(const std::string& run) {
  const std::string path = path_in(run);
  if (!path_exists(path)) return std::nullopt;
  return task_from_json(read_small_file(path, most_task_bytes), path);
}

void write_task(const std::string& run, const Task& task) {
  write_file_atomically(path_in(run), task_to_json(task));
}

}  // namespace hewn

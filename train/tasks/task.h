#pragma once
// task.json of a fine-tuned run: the task it was trained for (docs/formats.md).

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "train/tables/splits.h"
#include "train/tasks/chat_template.h"

namespace hewn {

inline constexpr const char* task_file = "task.json";  ///< in the run's directory

struct Task {
  enum class Kind : uint8_t { classify, instruct, prefer };
  /// The run whose weights were the starting point.
  struct Base {
    std::string path;  ///< as given
    std::string hash;  ///< checksum of its weights, 16 hexadecimal digits
    bool operator==(const Base&) const = default;
  };

  Kind kind = Kind::instruct;
  std::vector<std::string> labels = {};  ///< classify: by their numbers, at least two
  std::map<std::string, std::string> columns =
      {};                                 ///< the columns of the data by their use: "text", "label", "prompt"
  std::optional<ChatTemplate> chat = {};  ///< instruct and prefer ("template")
  std::string position = {};              ///< classify: input of the head, "last" or "mean"
  std::string mask = {};                  ///< instruct: the masked part, "prompt" or "none"
  int64_t max_length = 0;                 ///< longest row in tokens; 0: the model's context
  std::string train = {};                 ///< trained parameters: "all", "last:2", "head", "lora"
  std::optional<Base> base = {};
  int64_t split_version = rows_together;  ///< how its rows were divided: `rows_apart` if the file has none

  bool operator==(const Task&) const = default;
  /// The maximum number of tokens of a row for a model with this context.
  int64_t longest_row(int64_t block_size) const {
    return max_length > 0 ? std::min(max_length, block_size) : block_size;
  }
};

/// "classify", "instruct", "prefer".
std::string_view name_of(Task::Kind kind);

/// The content of task.json, with a line end.
std::string task_to_json(const Task& task);
/// The inverse. `where` names the file. Throws input for another format, an unknown version or kind, members of
/// the wrong type, a classifier with fewer than two or with equal labels, and a missing template.
Task task_from_json(std::string_view json, const std::string& where);

/// The task of a run directory; nothing if it has no task.json. Throws like `task_from_json`.
std::optional<Task> read_task(const std::string& run);
/// Writes RUN/task.json atomically.
void write_task(const std::string& run, const Task& task);

}  // namespace hewn

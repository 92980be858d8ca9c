#pragma once
// The list of tasks of the CORE benchmark: core.yaml.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "train/scores/eval_task.h"

namespace hewn {

/// A task as the list describes it.
struct ListedTask {
  std::string name;                           ///< label
  std::string file;                           ///< dataset_uri
  EvalKind kind = EvalKind::multiple_choice;  ///< icl_task_type
  int64_t shots = 0;                          ///< num_fewshot
  std::string delimiter = " ";                ///< continuation_delimiter
  int64_t line = 0;                           ///< where the task begins
};

/// Reads the part of YAML in which such lists are written, and nothing else: a key `icl_tasks` with a list of tasks,
/// each a block of lines `key: value`. A value is a plain word, a text in quotation marks, or one number in brackets;
/// # begins a comment. The keys above are required, except the delimiter; other keys of a task are ignored.
/// `source` names the text in messages. Throws ErrorCode::input naming line and key.
std::vector<ListedTask> tasks_of_yaml(std::string_view text, const std::string& source);

}  // namespace hewn

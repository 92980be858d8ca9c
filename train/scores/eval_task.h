#pragma once
// Tasks that a model is scored on: questions with choices, in the three layouts of the CORE benchmark (Li et al. 2024,
// "DataComp-LM: In search of the next generation of training sets for language models", section 3.5).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

enum class EvalKind : uint8_t {
  multiple_choice,  ///< one text, several continuations: `query`, `choices`, `gold`
  schema,           ///< several texts, one continuation: `context_options`, `continuation`, `gold`
  continuation  ///< one text, one continuation, right if every token is the most likely: `context`, `continuation`
};
/// The name in files: "multiple_choice", "schema", "language_modeling".
std::string_view name_of(EvalKind kind);

/// A question. One of `contexts` and `continuations` has several elements, or both have one.
struct EvalRow {
  std::vector<std::string> contexts, continuations;
  size_t gold = 0;    ///< the index of the right one
  std::string where;  ///< "quiz.jsonl, line 3", for messages

  size_t choices() const { return contexts.size() > 1 ? contexts.size() : continuations.size(); }
};

struct EvalTask {
  std::string name;
  std::string file;  ///< of the rows
  EvalKind kind = EvalKind::multiple_choice;
  std::vector<EvalRow> rows = {};
  int64_t shots = 0;            ///< solved rows before each question
  std::string delimiter = " ";  ///< between context and continuation
  bool trims_contexts = false;  ///< strip continuations, as CORE does
  /// The accuracy of guessing: the mean of 1 / choices, 0 for continuations, or the value in CORE's
  /// eval_meta_data.csv.
  double chance = 0;
};

/// Reads a table of rows (train/tables/table.h), usually one JSON object a line, whose keys decide the kind. Keys that
/// the layout does not have are ignored. `source` names the text in messages. Throws ErrorCode::input naming line and
/// column for a row that is malformed or of another layout, a gold that is not a choice, fewer than two
/// choices or an empty continuation.
EvalTask eval_task_of(std::string_view text, const std::string& source);

/// The tasks of a file of rows (*.jsonl), named after it; of a list of tasks (*.yaml, core_yaml.h); or of a directory:
/// those of its core.yaml, else all its files of rows in the order of their names. Throws ErrorCode::input.
std::vector<EvalTask> read_eval_tasks(const std::string& path);

}  // namespace hewn

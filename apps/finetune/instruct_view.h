#pragma once
// Training rows of instructions, as the model sees them.

#include <string>

#include "model/tokenizer/tokenizer.h"
#include "train/tasks/instruct_rows.h"

namespace hewn::cli {

/// A row, token by token: its masked and its learned parts in turn, each part marked in front and, if standard output
/// has colour, in a colour of its own. `title` stands first: "row 1, data.json line 12".
std::string row_view(const Tokenizer& tokenizer, const TrainingRow& row, const std::string& title);

}  // namespace hewn::cli

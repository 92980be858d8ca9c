#pragma once
// Training rows of instructions, as the model sees them.

#include <string>

#include "model/tokenizer/tokenizer.h"
#include "train/tasks/instruct_rows.h"

namespace hewn::cli {

/// A row, token by token: masked and learned parts alternate, each with a mark and, if standard output has
/// colour, its own colour. Begins with `title`: "row 1, data.json line 12".
std::string row_view(const Tokenizer& tokenizer, const TrainingRow& row, const std::string& title);

}  // namespace hewn::cli

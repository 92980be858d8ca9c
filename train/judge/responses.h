#pragma once
// responses.json: a model's answers and the references (docs/formats.md).

#include <string>
#include <vector>

#include "train/tables/table.h"

namespace hewn {

struct Response {
  std::string instruction;
  std::string input;     ///< may be empty
  std::string output;    ///< the reference; may be empty
  std::string response;  ///< the model's answer
};

/// The rows of a table with the columns `instruction` and `response`, and `input` and `output` if there are any;
/// other columns are ignored. Throws ErrorCode::input if a column is missing or a value is not text.
std::vector<Response> responses_in(const Table& table);

}  // namespace hewn

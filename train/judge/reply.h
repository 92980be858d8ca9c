#pragma once
// Finds the score in a judge's reply, which often contains more than the score.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "train/tables/table.h"

namespace hewn {

/// A score from 0 to 100, or the reason why there is none.
struct JudgedScore {
  std::optional<double> score;
  std::string why_not;  ///< "the reply holds several numbers"
};

/// Finds the score by the rules of docs/formats.md ("scores.jsonl"), whose table lists every accepted form
/// and every reason for rejection. Replies longer than 16 KiB, apart from their reasoning, are rejected.
JudgedScore score_in(std::string_view reply);

// responses.json: a model's answers and the references (docs/formats.md).

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

#pragma once
// Finds the score in a judge's reply, which often contains more than the score.

#include <optional>
#include <string>
#include <string_view>

namespace hewn {

/// A score from 0 to 100, or the reason why there is none.
struct JudgedScore {
  std::optional<double> score;
  std::string why_not;  ///< "the reply holds several numbers"
};

/// Finds the score by the rules of docs/formats.md ("scores.jsonl"), whose table lists every accepted form
/// and every reason for rejection. Replies longer than 16 KiB, apart from their reasoning, are rejected.
JudgedScore score_in(std::string_view reply);

}  // namespace hewn

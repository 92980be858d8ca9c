#pragma once
// Finds the score in a judge's reply, which often says more than was asked for.

#include <optional>
#include <string>
#include <string_view>

namespace hewn {

/// A score from 0 to 100, or the reason why there is none.
struct JudgedScore {
  std::optional<double> score;
  std::string why_not;  ///< "the reply holds several numbers"
};

/// Finds the score by the rules of docs/formats.md ("scores.jsonl"), whose table lists every form that is read and every
/// reason why there is none. Replies of more than 16 KiB without their thoughts are refused.
JudgedScore score_in(std::string_view reply);

}  // namespace hewn

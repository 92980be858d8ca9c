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

/// Takes the first of these that the reply contains, after the thoughts of a reasoning model (`<think>`...
/// `</think>`) are removed:
///   1. a fraction of 100: "85/100", "85 out of 100", "85%";
///   2. a number that is called a score: "Score: 85", "the rating is 85", {"score": 85};
///   3. the only number: "85", "**85.5**", "I would say 85.";
///   4. without digits, the only number in English words: "I would say eighty-five".
/// A reply with several different candidates of the same kind is refused, as is a number outside of 0 to 100, so
/// "8/10" and "80-85" have no score.
JudgedScore score_in(std::string_view reply);

}  // namespace hewn

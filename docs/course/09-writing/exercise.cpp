// Chapter 9: top-p.

#include <cmath>

#include "apps/learn/chapters.h"
#include "model/generation/sampling.h"

namespace hewn::cli::learn {
namespace writing {

Matrix list(const std::vector<double>& values) { return {1, static_cast<int>(values.size()), values}; }

/// The engine's distribution for logits.
LessonCase case_of_logits(std::string name, const std::vector<double>& logits, const Matrix& probs,
                          double p) {
  return {std::move(name), {probs, number_value(p), list(sampling_distribution(logits, {.top_p = p}))}};
}

LessonCase case_of(std::string name, const std::vector<double>& probs, double p) {
  std::vector<double> logits;
  for (const double probability : probs) logits.push_back(std::log(probability));
  return case_of_logits(std::move(name), logits, list(probs), p);
}

LessonCase random_case(std::string name, Rng& rng, int tokens, double p) {
  const std::vector<double> logits = random_matrix(rng, 1, tokens, 2).values;
  return case_of_logits(std::move(name), logits, list(sampling_distribution(logits, {})), p);
}

std::vector<LessonCase> cases() {
  Rng rng(9);
  return {
      case_of("five tokens, p = 0.6", {0.1, 0.4, 0.05, 0.3, 0.15}, 0.6),
      case_of("a sum of exactly p", {0.125, 0.25, 0.5, 0.125}, 0.75),
      case_of("the most likely token is enough", {0.2, 0.7, 0.1}, 0.5),
      case_of("p = 1", {0.25, 0.5, 0.25}, 1),
      case_of("p = 1, and the probabilities sum to slightly less", std::vector<double>(10, 0.1), 1),
      case_of("equally likely tokens", {0.25, 0.25, 0.25, 0.25}, 0.4),
      case_of("tokens that are never drawn", {0, 0.75, 0, 0.25, 0}, 1),
      case_of("one token", {1}, 0.3),
      random_case("a small p", rng, 30, 1e-6),
      random_case("300 tokens", rng, 300, 0.9),
  };
}

}  // namespace writing

const Exercise& top_p_exercise() {
  static const Exercise exercise{
      .lesson = "top_p",
      .parameters = {{"probs", Role::array}, {"p", Role::real}, {"kept", Role::sets}},
      .cases = writing::cases,
      .when_endless =
          "rounding may leave the sum of all probabilities slightly below p: stop when no token is "
          "left to take"};
  return exercise;
}

}  // namespace hewn::cli::learn

#include "train/data/corpus.h"

#include <cmath>
#include <map>
#include <set>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"
#include "tests/train/data/grammar_properties.h"

using namespace hewn;

TEST_CASE("the grammar of the tales is unambiguous and bounded in length", "[data]") {
  const Grammar& grammar = tales_grammar();
  CHECK(hewn::test::ambiguous_rule(grammar).empty());
  CHECK(hewn::test::lengths(grammar).shortest >= 80);
  CHECK(hewn::test::lengths(grammar).longest <= 159);
  const double nats = hewn::test::entropy(grammar);
  CHECK(nats > 25);  // e^25 tales: nothing to learn by heart
  CHECK(nats < 40);
}

TEST_CASE("drawing and parsing a tale agree, with exactly one derivation", "[data]") {
  const uint64_t seed = test::Random("tales").bits();
  INFO("seed " << seed);
  std::set<std::string> seen;
  double sum = 0, squares = 0;
  const int n = test::repeats(5000, 100000);
  for (int i = 0; i < n; ++i) {
    const Grammar::Sample tale = make_tale(seed, static_cast<uint64_t>(i));
    INFO(tale.text);
    const Grammar::Derivations parsed = tales_grammar().derivations(tale.text);
    REQUIRE(parsed.count == 1);
    REQUIRE(std::abs(parsed.neg_log_prob - tale.neg_log_prob) <= 1e-9);
    REQUIRE(tale.text.size() >= 80);
    REQUIRE(tale.text.size() <= 200);
    for (const char c : tale.text) REQUIRE((c >= ' ' && c <= '~'));
    sum += tale.neg_log_prob;
    squares += tale.neg_log_prob * tale.neg_log_prob;
    seen.insert(tale.text);
  }
  CHECK(std::ssize(seen) == n);  // a repetition among so many is next to impossible
  const double mean = sum / n, sd = std::sqrt(squares / n - mean * mean);
  CHECK(std::abs(mean - hewn::test::entropy(tales_grammar())) <= 5 * sd / std::sqrt(n));
}

TEST_CASE("tales occur as often as their probability predicts", "[data]") {
  // Chi-square of the first words of 20000 tales against the weights in the grammar: names by first letter,
  // and the kind of tale.
  const uint64_t seed = test::Random("tale frequencies").bits();
  INFO("seed " << seed);
  const std::map<std::string, double> letters = {{"B", 3}, {"D", 2}, {"F", 2}, {"G", 1}, {"J", 1},
                                                 {"L", 3}, {"M", 3}, {"N", 3}, {"P", 3}, {"R", 2},
                                                 {"S", 2}, {"T", 3}, {"V", 1}, {"Z", 1}};
  const std::map<std::string, double> kinds = {{"the", 4}, {"was", 3}, {"and", 3}};
  std::map<std::string, double> seen;
  const int n = 20000;
  for (int i = 0; i < n; ++i) {
    const std::string text = make_tale(seed, static_cast<uint64_t>(i)).text;
    ++seen[text.substr(0, 1)];
    ++seen[text.substr(5, 3)];
  }
  const auto chi_square = [&](const std::map<std::string, double>& weights) {
    double total = 0, sum = 0;
    for (const auto& [word, weight] : weights) total += weight;
    for (const auto& [word, weight] : weights) {
      const double expected = n * weight / total;
      sum += (seen[word] - expected) * (seen[word] - expected) / expected;
    }
    return sum;
  };
  CHECK(chi_square(letters) < 45);  // 13 degrees of freedom: exceeded once in 50000 runs
  CHECK(chi_square(kinds) < 22);    // 2 degrees of freedom: likewise
}

TEST_CASE("a seed determines its tales", "[data]") {
  CHECK(generate_tales(50, 1) == generate_tales(50, 1));
  CHECK(generate_tales(50, 1) != generate_tales(50, 2));
  const std::string text = generate_tales(50, 1);
  CHECK(text.substr(0, generate_tales(20, 1).size()) == generate_tales(20, 1));
  CHECK(text.substr(text.size() - 1 - make_tale(1, 49).text.size()) == make_tale(1, 49).text + "\n");
  CHECK(generate_tales(0, 1).empty());
}

TEST_CASE("a text of tales is scored exactly, other text is refused with its line", "[data]") {
  double nats = 0;
  for (uint64_t i = 0; i < 100; ++i) nats += make_tale(3, i).neg_log_prob;
  const std::string text = generate_tales(100, 3);
  const TalesScore score = score_tales(text);
  CHECK(score.tales == 100);
  CHECK(score.characters == std::ssize(text));
  CHECK(std::abs(score.neg_log_prob - nats) <= 1e-9);
  CHECK(score.nats_per_character() == score.neg_log_prob / static_cast<double>(text.size()));
  CHECK(score_if_tales(text)->neg_log_prob == score.neg_log_prob);

  CHECK_FALSE(score_if_tales(""));
  CHECK_FALSE(score_if_tales("First Citizen:\nBefore we proceed\n"));
  CHECK_FALSE(score_if_tales(text.substr(0, text.size() - 1)));
  CHECK_FALSE(score_if_tales(text + "\n"));
  CHECK_THROWS_WITH(score_tales(text + "Once upon a time.\n"), Catch::Contains("reading tale 101"));
  CHECK_THROWS_WITH(score_tales(text + make_tale(3, 100).text),
                    Catch::Contains("does not end with a newline"));
  std::string altered = make_tale(3, 7).text;
  altered.back() = '!';
  CHECK_THROWS_WITH(
      tale_neg_log_prob(altered),
      Catch::Contains("character " + std::to_string(altered.size() - 1)) && Catch::Contains("\"!\""));
}

#include "train/data/grammar.h"

#include <cmath>
#include <map>
#include <random>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"
#include "tests/train/data/grammar_properties.h"

using hewn::Error;
using hewn::Grammar;

namespace {

// Every kind of piece, weights, nesting; 144 texts.
constexpr const char* small_rules = R"(
tale: {hero} {did}
hero: {first}{last}
first: 3 P / L / T
last he: 2 o | he / a | she
did: 2 met {other}. {He} liked {=other}. / slept. {=hero} woke and {he} {rose}.
other: 5 an owl / a crab
rose: rose / 2 sang / swam
)";

/// Calls `see` with every sample of a grammar, once per way the draws can fall, by counting through them
/// like the digits of an odometer; the probability of each way is the product of 1/n.
void each_way(const Grammar& grammar, const std::function<void(const Grammar::Sample&, double)>& see) {
  std::vector<uint64_t> digits, bases;
  do {
    size_t at = 0;
    double probability = 1;
    const auto sample = grammar.sample([&](uint64_t n) {
      if (at == digits.size()) digits.push_back(0);
      bases.resize(std::max(bases.size(), at + 1));
      bases[at] = n;
      probability /= static_cast<double>(n);
      return digits[at++];
    });
    digits.resize(at);
    see(sample, probability);
    while (!digits.empty() && ++digits.back() == bases[digits.size() - 1]) digits.pop_back();
  } while (!digits.empty());
}

}  // namespace

TEST_CASE("a small grammar's probabilities are exact and sum to one", "[data]") {
  const Grammar grammar(small_rules);
  CHECK(hewn::test::ambiguous_rule(grammar).empty());
  std::map<std::string, double> by_drawing;
  each_way(grammar, [&](const Grammar::Sample& sample, double p) { by_drawing[sample.text] += p; });
  CHECK(by_drawing.size() == 6 * (2 + 3));
  double sum = 0, entropy = 0;
  size_t shortest = 1000, longest = 0;
  for (const auto& [text, p] : by_drawing) {
    INFO(text);
    const Grammar::Derivations parsed = grammar.derivations(text);
    CHECK(parsed.count == 1);
    CHECK(std::abs(parsed.neg_log_prob + std::log(p)) <= 1e-12);
    sum += std::exp(-parsed.neg_log_prob);
    entropy += p * parsed.neg_log_prob;
    shortest = std::min(shortest, text.size());
    longest = std::max(longest, text.size());
  }
  CHECK(std::abs(sum - 1) <= 1e-12);
  CHECK(std::abs(entropy - hewn::test::entropy(grammar)) <= 1e-12);
  CHECK(hewn::test::lengths(grammar).shortest <= shortest);
  CHECK(hewn::test::lengths(grammar).longest >= longest);
  CHECK(by_drawing.count("La slept. La woke and she sang.") == 1);
  CHECK(by_drawing.count("Po met a crab. He liked a crab.") == 1);
}

TEST_CASE("a text outside the language has no derivation, and its place is reported", "[data]") {
  const Grammar grammar(small_rules);
  for (const char* text : {"", "P", "Pa met an owl. He liked an owl.", "Pa met an owl. She liked a crab.",
                           "Pa slept. Po woke and she rose.", "Pa slept. Pa woke and she rose. "}) {
    INFO(text);
    CHECK(grammar.derivations(text).count == 0);
    CHECK(std::isinf(grammar.derivations(text).neg_log_prob));
  }
  CHECK(grammar.derivations("Pa met an owl. He liked an owl.").furthest == 15);
  CHECK(grammar.derivations("Pa slept. Pa woke and she rose. ").furthest == 31);
}

TEST_CASE("an ambiguous grammar is detected, and its texts get the sum of their probabilities", "[data]") {
  const Grammar grammar("text: {a}{b}\na: x / xy\nb: yz / z");
  CHECK(hewn::test::ambiguous_rule(grammar) == "a: \"xy\" and \"x\"");
  const Grammar::Derivations two = grammar.derivations("xyz");
  CHECK(two.count == 2);
  CHECK(std::abs(two.neg_log_prob - std::log(2.0)) <= 1e-12);
  CHECK(hewn::test::ambiguous_rule(Grammar("s: {f}at / {g}it\nf f2: c | d\ng: ca")).substr(0, 2) == "s:");
}

TEST_CASE("bad rules are refused with the rule's name", "[data]") {
  const auto message = [](const char* rules) -> std::string {
    try {
      Grammar grammar(rules);
      grammar.sample([](uint64_t) { return uint64_t{0}; });
    } catch (const Error& e) {
      CHECK(e.code() == hewn::ErrorCode::usage);
      return e.what();
    }
    return "accepted";
  };
  CHECK_THAT(message(""), Catch::Contains("no rules"));
  CHECK_THAT(message("  a: b"), Catch::Contains("indented"));
  CHECK_THAT(message("a b"), Catch::Contains("expected \"name: alternatives\""));
  CHECK_THAT(message("a: b\na: c"), Catch::Contains("twice"));
  CHECK_THAT(message("a: {b}\nb: c{b}"), Catch::Contains("\"b\" is recursive"));
  CHECK_THAT(message("a: {nobody}"), Catch::Contains("{nobody}"));
  CHECK_THAT(message("a: x / / y"), Catch::Contains("an alternative in rule \"a\" is empty"));
  CHECK_THAT(message("a: 0 x"), Catch::Contains("is 0; expected 1 or more"));
  CHECK_THAT(message("a: 1234567 x"), Catch::Contains("weight"));
  CHECK_THAT(message("a: x{b"), Catch::Contains("empty or not closed"));
  CHECK_THAT(message("a: {b}\nb he: x | he / y"), Catch::Contains("fields"));
  CHECK_THAT(message("a: x\nb: y"), Catch::Contains("never used"));
  CHECK_THAT(message("a: {=b}{b}\nb: y"), Catch::Contains("before its rule"));
}

// BLEU against counts made by hand.

#include "train/scores/texts/bleu.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/errors.h"

namespace hewn {
namespace {

using test::near;

using Words = std::vector<std::string>;

double sentence(const std::string& answer, const Words& references, size_t order = 4) {
  return bleu(bleu_counts(answer, references), order, BleuOrder::effective);
}

}  // namespace

TEST_CASE("bleu: words are separated as in mteval-v13a", "[scores]") {
  CHECK(bleu_words("Hello, world! It's 3.5-4 $5 (or so).") ==
        Words{"Hello", ",", "world", "!", "It's", "3.5", "-", "4", "$", "5", "(", "or", "so", ")", "."});
  CHECK(bleu_words("1,000 a,b .5 well-known a..b") ==
        Words{"1,000", "a", ",", "b", ".", "5", "well-known", "a", ".", ".", "b"});
  CHECK(bleu_words("&quot;x&quot; &amp;lt; <skipped>co-\nop\nnext") ==
        Words{"\"", "x", "\"", "<", "coop", "next"});
  CHECK(bleu_words("un\u00A0mot \u00E9t\u00E9.") == Words{"un", "mot", "\u00E9t\u00E9", "."});
  CHECK(bleu_words("a{b}c|d~e`f[g/h@i\x7Fz ^^ x\\y") == Words{"a",      "{", "b", "}", "c",  "|", "d", "~",
                                                              "e",      "`", "f", "[", "g",  "/", "h", "@",
                                                              "i\x7Fz", "^", "^", "x", "\\", "y"});
  CHECK(bleu_words("").empty());
  CHECK(bleu_words(" \n\t").empty());
}

TEST_CASE("bleu: n-gram precisions, smoothing and brevity", "[scores]") {
  // 5 of 6 words, 3 of 5 pairs, 1 of 4 triples; none of 3 sequences of four, which counts as 1 / (2 * 3)
  const Words reference{"the cat is on the mat"};
  const BleuCounts counts = bleu_counts("the cat sat on the mat", reference);
  CHECK(counts.matches == std::array<double, 4>{5, 3, 1, 0});
  CHECK(counts.possible == std::array<double, 4>{6, 5, 4, 3});
  CHECK(near(bleu(counts, 1), 100 * 5.0 / 6));
  CHECK(near(bleu(counts, 2), 100 * std::sqrt(5.0 / 6 * 3 / 5)));
  CHECK(near(bleu(counts, 3), 100 * std::cbrt(5.0 / 6 * 3 / 5 / 4)));
  CHECK(near(bleu(counts, 4), 100 * std::pow(5.0 / 6 * 3 / 5 / 4 / 6, 0.25)));
  // Two orders without matches: 1 / (2 * 2), then 1 / (4 * 1).
  CHECK(near(sentence("a b x y", {"a b c d"}), 100 * std::pow(2.0 / 4 * 1 / 3 / 4 / 4, 0.25)));
  // A short answer: brevity exp(1 - 6 / 3), and only three orders exist.
  CHECK(near(sentence("the cat is", reference), 100 * std::exp(1 - 6.0 / 3)));
  CHECK(bleu(bleu_counts("the cat is", reference)) == 0);
  // "the the the" matches once per occurrence in the reference.
  CHECK(bleu_counts("the the the", reference).matches[0] == 2);
  CHECK(sentence("dog", reference) == 0);
  CHECK(sentence("", reference) == 0);
  CHECK(sentence("the cat is on the mat", {""}) == 0);
}

TEST_CASE("bleu: several references and whole corpora", "[scores]") {
  // Each pair of words from whichever reference has it; of lengths 2 and 6, both 2 away from 4, the shorter.
  const BleuCounts two = bleu_counts("a b c d", Words{"a b x y z w", "c d"});
  CHECK(two.matches == std::array<double, 4>{4, 2, 0, 0});
  CHECK(two.reference_words == 2);
  // "the cat" for "the cat is", and "on the mat now" for the same: 6 of 6, 4 of 4, 2 of 2, 1 of 1, and brevity
  // exp(1 - 7 / 6)
  const BleuCounts corpus{6, 7, {6, 4, 2, 1}, {6, 4, 2, 1}};
  CHECK(near(bleu(corpus), 100 * std::exp(1 - 7.0 / 6)));
  CHECK(test::fails(ErrorCode::usage, {"reference"}, [] { bleu_counts("a", {}); }));
  CHECK(test::fails(ErrorCode::usage, {"order 5"}, [&] { bleu(corpus, 5); }));
  CHECK(test::fails(ErrorCode::usage, {"order 0; expected 1 to 4"}, [&] { bleu(corpus, 0); }));
}

}  // namespace hewn

// Exact match, F1, ROUGE-L and repetition against counts made by hand.

#include "train/scores/texts/answers.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "train/scores/texts/rouge.h"
#include "train/scores/texts/words.h"

namespace hewn {
namespace {

using test::near;

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("answers: SQuAD's normalisation", "[scores]") {
  CHECK(normalized_answer("The  quick, brown Fox!") == "quick brown fox");
  CHECK(normalized_answer("a theatre in an anthem of THE the") == "theatre in anthem of");
  CHECK(normalized_answer("It's U.S.A.") == "its usa");
  CHECK(normalized_answer("\u00C9T\u00C9 \u2014the\u2014 end") == "\u00E9t\u00E9 \u2014 \u2014 end");
  CHECK(normalized_answer(" \t").empty());
  CHECK(normalized_answer("a\xFFz") == "\xFFz");  // bytes that are not UTF-8
  // All of ASCII's punctuation, and none of its neighbours.
  CHECK(normalized_answer("b!\"#$%&'()*+,-./0 9:;<=>?@B Z[\\]^_`c z{|}~\x7F") == "b0 9b zc z\x7F");
  // As Python: U+0130 becomes two characters, a sigma at the end of a word another one, and marks end words.
  CHECK(normalized_answer("\u0130I \u039f\u0394\u039f\u03a3") == "i\u0307i \u03bf\u03b4\u03bf\u03c2");
  CHECK(exact_match("\u039f\u0394\u039f\u03a3",
                    Words{"\u03bf\u03b4\u03cc\u03c2", "\u03bf\u03b4\u03bf\u03c2"}) == 1);
  CHECK(normalized_answer("a\u0300b the\u0301 an") == "\u0300b \u0301");
  CHECK(exact_match("the Cat.", Words{"dog", "cat"}) == 1);
  CHECK(exact_match("cats", Words{"dog", "cat"}) == 0);
}

TEST_CASE("answers: F1 of bags of words", "[scores]") {
  // 2 of 3 words, 2 of 4 words
  CHECK(near(token_f1("red red fish", Words{"red fish swims fast"}), 2 * 2.0 / (3 + 4)));
  CHECK(near(token_f1("red fish", Words{"bird", "fish red"}), 1));
  CHECK(token_f1("the", Words{"a"}) == 1);  // both are empty
  CHECK(token_f1("the", Words{"fish"}) == 0);
  CHECK(token_f1("fish", Words{"the"}) == 0);
  CHECK(token_f1("bird", Words{"fish"}) == 0);
}

TEST_CASE("answers: ROUGE-L", "[scores]") {
  CHECK(near(rouge_l("the cat was found under the bed", Words{"The cat was under the bed."}), 12.0 / 13));
  // longest common subsequence of a b c d and b d a c: two
  CHECK(near(rouge_l("a b c d", Words{"b d a c"}), 0.5));
  CHECK(near(rouge_l("x", Words{"y", "x z"}), 2.0 / 3));
  CHECK(rouge_l("...", Words{"..."}) == 0);
  CHECK(near(rouge_l("x", Words{"...", "x"}), 1));
  CHECK(rouge_words("Caf\u00E9 no.5, it's") == Words{"caf", "no", "5", "it", "s"});
  CHECK(rouge_words("a{b:c_d~e|f") == Words{"a", "b", "c", "d", "e", "f"});
  CHECK(near(rouge_l("\u0130stanbul I\u0131", Words{"istanbul i"}), 0.4));
  // As rouge-score, which stems words of more than three letters.
  CHECK(rouge_words("Was wasted; ties", Stemming::yes) == Words{"was", "wast", "tie"});
  CHECK(rouge_l("cats running", Words{"cat runs"}) == 0);
  CHECK(near(rouge_l("cats running", Words{"cat runs"}, Stemming::yes), 1));
}

TEST_CASE("answers: Porter's stems", "[scores]") {
  // Examples of the paper, step by step, and NLTK's extensions.
  const std::pair<const char*, const char*> stems[] = {{"caresses", "caress"},
                                                       {"ponies", "poni"},
                                                       {"ties", "tie"},
                                                       {"cats", "cat"},
                                                       {"feed", "feed"},
                                                       {"agreed", "agre"},
                                                       {"plastered", "plaster"},
                                                       {"bled", "bled"},
                                                       {"motoring", "motor"},
                                                       {"sing", "sing"},
                                                       {"conflated", "conflat"},
                                                       {"troubled", "troubl"},
                                                       {"sized", "size"},
                                                       {"hopping", "hop"},
                                                       {"falling", "fall"},
                                                       {"hissing", "hiss"},
                                                       {"fizzed", "fizz"},
                                                       {"failing", "fail"},
                                                       {"filing", "file"},
                                                       {"happy", "happi"},
                                                       {"sky", "sky"},
                                                       {"enjoy", "enjoy"},
                                                       {"relational", "relat"},
                                                       {"conditional", "condit"},
                                                       {"rational", "ration"},
                                                       {"digitizer", "digit"},
                                                       {"vietnamization", "vietnam"},
                                                       {"operator", "oper"},
                                                       {"hopefulness", "hope"},
                                                       {"formality", "formal"},
                                                       {"sensibility", "sensibl"},
                                                       {"triplicate", "triplic"},
                                                       {"electrical", "electr"},
                                                       {"goodness", "good"},
                                                       {"revival", "reviv"},
                                                       {"adjustment", "adjust"},
                                                       {"adoption", "adopt"},
                                                       {"probate", "probat"},
                                                       {"rate", "rate"},
                                                       {"cease", "ceas"},
                                                       {"controll", "control"},
                                                       {"roll", "roll"},
                                                       {"dying", "die"},
                                                       {"died", "die"},
                                                       {"cried", "cri"},
                                                       {"archaeology", "archaeolog"},
                                                       {"crying", "cri"},
                                                       {"employment", "employ"},
                                                       {"styling", "style"},
                                                       {"by", "by"}};
  for (const auto& [word, stem] : stems) {
    INFO(word);
    CHECK(porter_stem(word) == stem);
  }
}

TEST_CASE("answers: stems that NLTK's PorterStemmer prints", "[scores]") {
  const std::pair<const char*, const char*> stems[] = {
      {"syzygy", "syzygi"},     {"yyed", "yy"},        {"oed", "o"},
      {"aging", "age"},         {"eying", "eye"},      {"bying", "by"},
      {"skying", "ski"},        {"agreeing", "agre"},  {"snowing", "snow"},
      {"toys", "toy"},          {"bys", "by"},         {"radically", "radic"},
      {"heroically", "heroic"}, {"ally", "alli"},      {"apologies", "apolog"},
      {"geology", "geolog"},    {"decision", "decis"}, {"opinion", "opinion"},
      {"nation", "nation"}};
  for (const auto& [word, stem] : stems) {
    INFO(word);
    CHECK(porter_stem(word) == stem);
  }
}

TEST_CASE("answers: distinct sequences and repetition", "[scores]") {
  CHECK(near(distinct(Words{"a", "b", "a", "b"}, 1), 0.5));
  CHECK(near(distinct(Words{"a", "b", "a", "b"}, 2), 2.0 / 3));
  CHECK(distinct(Words{"a"}, 2) == 1);
  CHECK(near(distinct(std::vector<int32_t>{7, 7, 7}, 1), 1.0 / 3));
  CHECK(near(repetition("a b c d a b c d"), 1.0 / 5));  // abcd bcda cdab dabc abcd
  CHECK(repetition("a b c") == 0);
}

TEST_CASE("words: white space of any script", "[scores]") {
  CHECK(split_words(" a\u3000b\x1F\u00E9\xFF ") == Words{"a", "b", "\u00E9\xFF"});
  CHECK(split_words("a\033b\034c") == Words{"a\033b", "c"});
  CHECK(trimmed("\u00A0 a b\n") == "a b");
  CHECK(without_trailing_space(" a \t") == " a");
  CHECK(trimmed("\n\n").empty());
}

}  // namespace hewn

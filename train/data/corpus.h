#pragma once
// "Tales": the built-in corpus. Very short tales, one a line, 80 to 200 ASCII characters each, drawn from a
// grammar that is unambiguous, so that the exact probability of any of them is known by parsing it. A model's
// loss on tales can therefore be compared with the lowest loss any model can have on that very text.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "train/data/grammar.h"

namespace hewn {

/// The grammar of the tales; a text of it is one tale without its end of line.
const Grammar& tales_grammar();

/// Tale number `index` of the endless sequence of `seed`, without end of line. Any tale can be had directly.
Grammar::Sample make_tale(uint64_t seed, uint64_t index);

/// The first `count` tales of `seed`, each followed by '\n'.
std::string generate_tales(int64_t count, uint64_t seed);

/// Exact -log P of one tale in nats, found by parsing alone. Its end of line is certain and costs nothing.
/// Throws ErrorCode::input, saying up to where the text fits, if it is no tale.
double tale_neg_log_prob(std::string_view tale);

/// The exact cost of a text of whole tales.
struct TalesScore {
  int64_t tales = 0, characters = 0;  ///< ends of lines included
  double neg_log_prob = 0;            ///< nats
  TalesScore& operator+=(const TalesScore& other);
  double nats_per_character() const { return neg_log_prob / static_cast<double>(characters); }
};

/// Scores a text in which every line is a tale ended by '\n'. Throws ErrorCode::input naming the first line
/// that is not.
TalesScore score_tales(std::string_view text);

/// The score if the text is nothing but tales, else nothing; cheap when the first line already is none.
std::optional<TalesScore> score_if_tales(std::string_view text);

}  // namespace hewn

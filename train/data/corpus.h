#pragma once
// "Tales": the built-in corpus. Very short tales, one per line, 80 to 159 ASCII characters each, drawn from
// an unambiguous grammar, so that the exact probability of each is known by parsing it. A model's loss on
// tales can therefore be compared with the lowest possible loss on the same text.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "train/data/grammar.h"

namespace hewn {

/// The grammar of the tales; a text of it is one tale without its newline.
const Grammar& tales_grammar();

/// Tale number `index` of the endless sequence of `seed`, without newline. Tales can be generated in any order.
Grammar::Sample make_tale(uint64_t seed, uint64_t index);

/// The first `count` tales of `seed`, each followed by '\n'.
std::string generate_tales(int64_t count, uint64_t seed);

/// Exact -log P of one tale in nats, from parsing it. Its newline is certain and costs nothing. Throws
/// ErrorCode::input, with the position up to which the text fits, if it is not a tale.
double tale_neg_log_prob(std::string_view tale);

/// The exact cost of a text that consists of tales.
struct TalesScore {
  int64_t tales = 0, characters = 0;  ///< newlines included
  double neg_log_prob = 0;            ///< nats
  TalesScore& operator+=(const TalesScore& other);
  double nats_per_character() const { return neg_log_prob / static_cast<double>(characters); }
};

/// Scores a text in which every line is a tale ended by '\n'. Throws ErrorCode::input naming the first line
/// that is not a tale.
TalesScore score_tales(std::string_view text);

/// The score if the text consists only of tales, otherwise empty; cheap if the first line is not a tale.
std::optional<TalesScore> score_if_tales(std::string_view text);

}  // namespace hewn

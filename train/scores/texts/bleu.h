#pragma once
// BLEU as sacrebleu computes it by default (Papineni et al. 2002, "BLEU: a Method for Automatic Evaluation of Machine
// Translation"; Post 2018, "A Call for Clarity in Reporting BLEU Scores"): tokenisation `13a`, smoothing `exp`.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

/// The words of mteval-v13a.pl: punctuation is separated from words, full stops and commas unless within numbers.
std::vector<std::string> bleu_words(std::string_view text);

/// Counts of one segment, or sums of them over a corpus.
struct BleuCounts {
  static constexpr size_t longest = 4;  ///< words of an n-gram
  double answer_words = 0;              ///< words of the answer
  double reference_words = 0;           ///< words of the reference closest in length; the shorter one of two
  std::array<double, longest>
      matches{};  ///< n-grams of the answer, 1 to 4 words, that occur in a reference; counted at most as
                  ///< often as in the reference with the most
  std::array<double, longest> possible{};  ///< all n-grams of the answer
};

/// The counts of an answer and its references, at least one.
BleuCounts bleu_counts(std::string_view answer, std::span<const std::string> references);

/// The treatment of texts too short for n-grams of the full order.
enum class BleuOrder : uint8_t {
  full,      ///< the score of a corpus is 0 if no answer has n-grams of this order
  effective  ///< only n-grams that the answer has count: for single sentences
};

/// BLEU-n in percent, 0 to 100, from n-grams of 1 to `order` words, 1 <= order <= 4.
double bleu(const BleuCounts& counts, size_t order = BleuCounts::longest, BleuOrder use = BleuOrder::full);

}  // namespace hewn

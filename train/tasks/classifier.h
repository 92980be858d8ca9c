#pragma once
// The inputs and predictions of a classifier.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "model/texts/texts.h"
#include "train/scores/classes/confusion.h"

namespace hewn {

/// Encodes texts for a classifier, in the same way for training and inference.
class TextReader {
 public:
  /// `max_length`: the maximum number of tokens of a text.
  TextReader(const TextEncoder& texts, int64_t max_length);

  struct Text {
    std::vector<int32_t> tokens;  ///< 1 to max_length
    bool cut = false;             ///< the text has more; only the last are kept
    bool empty = false;           ///< the text has none; a single token stands for it
  };
  /// The tokens of a text, after the token that begins all texts if there is one. Throws ErrorCode::input for
  /// text that the tokenizer cannot express.
  Text read(std::string_view text) const;

 private:
  TextEncoder texts_;
  int64_t max_length_;
  int32_t nothing_;  // stands for an empty text: the token that ends texts, or the first token
};

/// Natural logarithms of the probabilities of all labels [n_labels] for each text of at least one token, in the order
/// of the texts. Texts of similar length are computed together. Empty if `stop` returned true between two
/// computations.
std::vector<std::vector<double>> label_log_probabilities(Model& model,
                                                         std::span<const std::vector<int32_t>> texts,
                                                         const std::function<bool()>& stop = {});

/// The position of the largest value; of equal ones the first.
int32_t likeliest(std::span<const double> values);

/// A text with its true label.
struct LabelledText {
  std::vector<int32_t> tokens;
  int32_t label = 0;
};

/// The score of a classifier.
struct ClassifierScore {
  double loss = 0;  ///< mean of -log P(true label)
  Confusion counts;
};
/// Scores a model on at least one text. Empty if `stop` returned true before the end.
std::optional<ClassifierScore> score_classifier(Model& model, std::span<const LabelledText> texts,
                                                const std::function<bool()>& stop);
inline ClassifierScore score_classifier(Model& model, std::span<const LabelledText> texts) {
  return *score_classifier(model, texts, {});
}

}  // namespace hewn

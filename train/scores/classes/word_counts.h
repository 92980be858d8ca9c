#pragma once
// A baseline for text classification: multinomial logistic regression on the counts of words, without their order.
// A language model that is not better than this was not worth its time.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hewn {

/// The words of a text in lower case: runs of letters, marks and numbers of any script. Bytes that are not UTF-8
/// separate words.
std::vector<std::string> words_of(std::string_view text);

/// A trained bag-of-words classifier.
class WordCounts {
 public:
  struct Options {
    /// Strength of the data against the regularisation: the sum of the losses plus |W|^2 / (2 c) is minimised, biases
    /// are not regularised. Equals scikit-learn's C with three or more labels; with two, half of it.
    double c = 1;
    int64_t most_weights = int64_t{1} << 24;  ///< limits the vocabulary to the most frequent words
    int64_t most_iterations = 500;
  };

  /// Trains on rows with labels 0 to n_labels - 1, one per text. The result depends only on the arguments.
  /// Throws usage for no rows, other labels, or less than two labels.
  WordCounts(std::span<const std::string_view> texts, std::span<const int32_t> labels, int32_t n_labels,
             const Options& options);
  WordCounts(std::span<const std::string_view> texts, std::span<const int32_t> labels, int32_t n_labels)
      : WordCounts(texts, labels, n_labels, Options{}) {}

  /// The probability of each label. Words that were not in the training texts are ignored.
  std::vector<double> probabilities(std::string_view text) const;
  /// The most likely label; of equal ones the first.
  int32_t label(std::string_view text) const;
  /// Words in the vocabulary.
  size_t words() const { return vocabulary_.size(); }

 private:
  /// How often each word of the vocabulary occurs in a text, by number.
  std::vector<std::pair<int32_t, double>> counts_of(std::string_view text) const;
  void learn_vocabulary(std::span<const std::string_view> texts, int64_t most);

  size_t n_labels_;
  std::unordered_map<std::string, int32_t> vocabulary_;
  std::vector<double> weights_;  // [words + 1, n_labels]; the last row holds the biases
};

}  // namespace hewn

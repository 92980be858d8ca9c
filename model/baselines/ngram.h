#pragma once
// n-grams: a model that consists of counts.

#include <array>
#include <span>
#include <vector>

#include "model/baselines/ngram_tables.h"
#include "model/model.h"

namespace hewn {

/// arch = ngram: the probability of a token given the order - 1 tokens before it, by interpolated Kneser-Ney smoothing
/// with modified discounts (Chen and Goodman 1998, section 4.1.6). For a context h of n - 1 tokens with counts c,
///
///   p(w | h) = max(c(h w) - D(c(h w)), 0) / c(h) + (D_1 N_1 + D_2 N_2 + D_3 N_3) / c(h) p(w | h without its first token)
///
/// where c(h) is the sum of c(h w), and N_1, N_2 and N_3 are the numbers of w with c(h w) = 1, 2 and 3 or
/// more. Below the empty context, p = 1 / vocab_size, so every token has a probability. A context that never
/// occurred has the probabilities of the context without its first token.
///
/// Counting is the training: there are no parameters, no gradients, and nothing to tune but the order. The discounts
/// of each length follow from the numbers n_1 ... n_4 of n-grams with these counts: Y = n_1 / (n_1 + 2 n_2),
/// D_i = i - (i + 1) Y n_(i+1) / n_i. Where a small text makes one of them impossible (n_i = 0, or D_i outside (0, i]), all
/// are Y, or 1/2 if that is impossible too.
class Ngram final : public Model {
 public:
  explicit Ngram(const ModelConfig& config);
  /// For evaluation; throws usage for a training step. Without counts, all tokens are equally likely.
  Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) override;
  Tensor target_losses(const Tensor& tokens, const Tensor& targets,
                       const ForwardOptions& options = {}) override;
  /// Natural logarithms of probabilities.
  Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) override;
  bool counted() const override { return true; }
  std::vector<TensorEntry> tables() const override { return tables_.entries(); }
  void take_tables(const NamedTensors& from) override;
  /// Counts the sequences of a text (NgramTables), replacing the previous counts.
  void count(std::span<const int32_t> text);

  /// p(token | context); the last order - 1 tokens of the context count. All must be in the vocabulary.
  double probability(std::span<const int32_t> context, int32_t token) const;
  /// The same of every token.
  std::vector<double> distribution(std::span<const int32_t> context) const;
  const NgramTables& counts() const { return tables_; }
  /// D(0), D(1), D(2), D(3 or more) of n-grams of length n.
  const std::array<double, 4>& discounts(int64_t n) const { return discounts_[static_cast<size_t>(n - 1)]; }

 private:
  /// The n-grams that extend a context h by one token, and the terms of the formula that they share.
  struct Extensions {
    int64_t length;      ///< n
    int64_t begin, end;  ///< in the level of length n; at least one
    double total = 0;    ///< c(h)
    double passed_on;    ///< the factor of the shorter context's probabilities
    int64_t shorter;     ///< the place of h
  };
  void take(NgramTables tables);
  double discounted(int64_t n, int64_t place) const;
  /// The extensions of the contexts that occurred, shortest context first.
  std::vector<Extensions> matching(std::span<const int32_t> context) const;
  Extensions extensions(int64_t n, int64_t shorter) const;
  /// -log P of every target, 0 where it is -100.
  std::vector<double> losses_of(const Tensor& tokens, const Tensor& targets,
                                const ForwardOptions& options) const;
  std::span<const int32_t> context_of(const std::vector<int32_t>& tokens, int64_t row_begin,
                                      int64_t at) const;

  NgramTables tables_;
  std::vector<std::array<double, 4>> discounts_;  // [order]
  std::vector<double> unigrams_;                  // [V], p(w) in the empty context
};

}  // namespace hewn

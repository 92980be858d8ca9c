#pragma once
// The exchanges of a step among ranks.

#include <optional>

#include "train/ranks/gradient_exchange.h"
#include "train/ranks/tensors/route.h"
#include "train/ranks/value_exchange.h"
#include "train/step/trainer.h"

namespace hewn {

/// Adds gradients and losses over the ranks. Each rank updates its slices of the parameters and sends them to
/// the others, or, if the configuration does not shard the optimizer, all parameters.
class RankExchange final : public StepExchange {
 public:
  RankExchange(Ranks& ranks, const ExchangeParts& parts);

  Ranks& ranks() const { return ranks_; }
  int number() const override { return ranks_.rank(); }
  std::vector<std::vector<double>> gather(const std::vector<double>& mine) override {
    return ranks_.gather(mine);
  }
  void begin(int64_t micro_steps) override;
  double* losses() override { return static_cast<double*>(losses_.data()); }
  void begin_last_pass() override { gradients_.begin(); }
  void end_group(GradientGroups& groups, int64_t group) override {
    group + 1 < groups.count() ? groups.end(group) : gradients_.finish();
  }
  bool in_graphs() const override { return ranks_.in_graphs(); }
  void replayed(bool again) override { gradients_.replayed(again); }
  /// Also compares the parameters of the ranks every `check_interval` steps.
  std::optional<double> finish(int64_t step) override;
  std::vector<Shard> shards(int64_t n) const override;
  void gather_squares(Tensor& squares) override;
  std::vector<Range> gather_updated() override;
  void gather_gradients() override;
  void gather_values() override;
  void check() override { ranks_.check(); }

 private:
  Ranks& ranks_;
  Parameters& parameters_;
  int64_t check_interval_;  // 0: never
  TensorRoute route_;
  Slices slices_;
  GradientExchange gradients_;
  std::optional<ValueExchange> values_;  // if the update is divided
  Tensor losses_;                        // f64: losses of this rank's micro-steps
};

/// The ranks that train with this trainer; null: a single process.
Ranks* ranks_of(const Trainer& trainer);

}  // namespace hewn

#pragma once
// The results of a sweep: one record per finished run, and their ranking by combination.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hewn {

/// The result of a finished run, a line of results.jsonl.
struct SweepResult {
  std::string name = {};                                       ///< of the run
  std::vector<std::pair<std::string, std::string>> grid = {};  ///< its values of the grid's keys
  uint64_t seed = 0;
  int64_t parameters = 0;
  double flops = 0;  ///< of all training steps
  int64_t steps = 0, tokens = 0;
  double seconds = 0;                        ///< of training
  std::optional<double> val_loss = {};       ///< of the last validation during training
  std::optional<double> best_val_loss = {};  ///< of the best one
  int64_t best_step = -1;
  /// Of the best checkpoint on the whole validation split, as `hewn eval` reports them.
  std::optional<double> loss = {}, bits_per_byte = {}, floor = {};
  /// With `log_grad_norms`, the norms before the first step: "wte", "h.0" and so on, in the model's order.
  std::vector<std::pair<std::string, double>> grad_norms = {};
  int64_t weights_bytes = 0;          ///< size of model.safetensors
  std::string weights_checksum = {};  ///< of the last checkpoint's model.safetensors
  std::string data_hash = {};

  double tokens_per_s() const { return seconds > 0 ? static_cast<double>(tokens) / seconds : 0; }
  /// The loss to rank by: on the whole validation split, else the best one seen during training.
  std::optional<double> ranked_loss() const { return loss ? loss : best_val_loss; }
};

/// One line of JSON.
std::string to_json(const SweepResult& result);
/// The inverse. Throws ErrorCode::input with the reason.
SweepResult sweep_result_from_json(const std::string& line);

/// Mean and sample standard deviation (n - 1 in the denominator); the latter needs two values.
struct MeanDeviation {
  double mean = 0;
  std::optional<double> deviation;
};
MeanDeviation mean_deviation(const std::vector<double>& values);

/// A combination of a sweep over all its finished seeds.
struct RankedCombination {
  std::vector<std::pair<std::string, std::string>> grid = {};
  int64_t runs = 0;
  std::optional<MeanDeviation> loss = {};  ///< absent if a run was not validated
  std::optional<double> bits_per_byte = {}, floor = {};
  /// Means of the gradient norms of the blocks, from the first to the last; empty if a run has none.
  std::vector<double> block_norms = {};
  int64_t parameters = 0, weights_bytes = 0;
  double flops = 0, seconds = 0, tokens_per_s = 0;  ///< means
};

/// All combinations, the one with the smallest mean loss first; those without a loss come last.
std::vector<RankedCombination> rank(const std::vector<SweepResult>& results);

}  // namespace hewn

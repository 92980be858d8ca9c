#pragma once
// Evaluation of a model on validation text.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "train/config.h"
#include "train/data/data.h"
#include "train/scores/continuations.h"

namespace hewn {

class Ranks;

struct Evaluation {
  double loss = 0;      ///< nats per token, mean over all tokens that count
  double accuracy = 0;  ///< fraction of tokens predicted as most likely (ties: the lowest id)
  int64_t tokens = 0;   ///< number of tokens that count
  int64_t windows = 0;
  std::optional<double> bits_per_byte = {};  ///< if the length of the text is known
  std::optional<double> floor = {};          ///< exact -log P per token in nats, if the source knows it
  double perplexity() const;
};

struct EvalOptions {
  int64_t block_size = 0;
  /// 0: windows of `block_size` tokens without overlap, omitting a last partial one unless it is the only
  /// one. 1 to block_size: the distance between the starts of windows; the last may be partial. Each window
  /// scores only the tokens that no earlier window contained, so every token but the first is scored once,
  /// with at least block_size - stride tokens of context once the text is long enough. If a token precedes
  /// every text (`Split::begin`), it comes first in each window, and every token of the text is scored. Each
  /// document of aligned data is a separate text.
  int64_t stride = 0;
  bool unpadded = false;                              ///< batches of one window each, cut to its text
  std::function<void(const ScoredToken&)> each = {};  ///< called for every token that counts, in order
};

/// Calls body with all validation data, in batches of a size that suits the logits of `model`, in the order of the
/// text. Returns the number of windows. Throws ErrorCode::input if there is no data, or less than one window, and
/// like `check_mapped_files`.
int64_t each_scored_batch(const ModelConfig& model, const Dataset& data, const EvalOptions& options,
                          const std::function<void(const Batch&)>& body);

/// Scores all validation data. With several ranks, each computes every R-th batch, and all get the result,
/// with the bits of a single process; `options.each` must be empty. Throws like `each_scored_batch` and
/// `finite_loss`.
Evaluation evaluate(Model& model, const Dataset& data, const EvalOptions& options, Ranks* ranks = nullptr);

/// Returns the loss of a finished run. Throws ErrorCode::numerical if it is NaN or infinite; `of` names the
/// text or rows.
double finite_loss(double loss, std::string_view of);

/// Whether to stop; called between batches. Empty: never.
using Stop = std::function<bool()>;

/// Mean loss over the first `batches` batches of a source: a quick estimate, always on the same text. Empty if `stop`
/// returned true. With several ranks, each computes every R-th batch, and all get the result, with the bits
/// of a single process; `stop` is called once per R batches on every rank, and must return the same on all
/// ranks. Throws like `check_mapped_files`.
std::optional<double> estimate_loss(Model& model, const BatchSource& source, int64_t batches,
                                    const Stop& stop, Ranks* ranks = nullptr);
inline double estimate_loss(Model& model, const BatchSource& source, int64_t batches) {
  return *estimate_loss(model, source, batches, {});
}

/// A metric besides the loss, under its name in metrics.jsonl: {"val_accuracy", 0.97}.
struct Metric {
  std::string name;
  double value = 0;
};

/// The result of a validation during training.
struct Validation {
  double loss = 0;              ///< decides which checkpoint is best
  std::vector<Metric> metrics;  ///< names begin with "val_"
};

/// Validates a model during training; must give the same result for the same parameters. The result is empty if `stop`
/// returned true before it was complete. Empty: there is no validation data.
using Validator = std::function<std::optional<Validation>(Model&, const Stop& stop)>;

/// The validator of a run on text: the mean loss over the first `eval_iters` batches of the validation splits.
/// Empty if there are none. With several ranks, they share the work (`estimate_loss`). `data` and `ranks` must outlive
/// it.
Validator text_validator(const Dataset& data, const TrainConfig& config, Ranks* ranks = nullptr);

}  // namespace hewn

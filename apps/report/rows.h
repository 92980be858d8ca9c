#pragma once
// The rows of a report as JSON (docs/formats.md): the content of a run's files. A row that cannot be shown
// has the reason as "missing" and, if one helps, the "command" to run.

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "model/json.h"
#include "train/data/data.h"

namespace hewn::cli {

using Row = Json;

/// A row without data.
Row missing_row(const std::string& reason, const std::string& command = "");
/// The row that `make` returns; if it throws an Error, a row without data whose reason is the error's text.
Row row_or_reason(const std::function<Row()>& make);

/// Reference values for the losses of a run.
struct ReferenceLosses {
  std::optional<double> floor;   ///< exact -log P of the validation text, nats per token
  std::optional<double> bigram;  ///< of a bigram model that counted the training data, on the validation text
  std::optional<double> uniform;  ///< uniform guessing: ln V; for a classifier ln(labels), for pairs ln 2
  std::string of_uniform;         ///< "ln V = ln 65"
  std::vector<std::string> notes = {};  ///< why one is missing
  std::vector<int32_t> text =
      {};  ///< the first tokens or document of the validation text, for pictures of the model
};
/// The reference losses of a run, from its files and its dataset. Omits the bigram loss, with a note, if it
/// would take more than a few seconds.
ReferenceLosses reference_losses(const std::string& run);

/// Losses by step, with the lines of `losses`.
Row losses_row(const std::string& run, const ReferenceLosses& losses);
/// Learning rate, gradient norm, clip factor and tokens per second by step.
Row schedule_row(const std::string& run);
/// Gradient norms and ratios of updates to weights by part of the model and step.
Row depth_row(const std::string& run);
/// The texts that the run kept in samples/.
Row kept_texts_row(const std::string& run);
/// profile.json.
Row profile_row(const std::string& run);
/// Configuration, machine and the command that repeats the run.
Row about_row(const std::string& run);
/// task.json, evaluation.json and the scores of a judge.
Row results_row(const std::string& run);

}  // namespace hewn::cli

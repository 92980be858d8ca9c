#pragma once

#include <string>

#include "model/json.h"
#include "train/divergence.h"
#include "train/eval.h"
#include "train/inspect/profile.h"

namespace hewn::cli {

/// Formats an evaluation for people.
std::string evaluation_text(const Evaluation& evaluation);
/// The same as a JSON object; `checkpoint` names the evaluated checkpoint.
std::string evaluation_json(const Evaluation& evaluation, const std::string& checkpoint);

/// Formats the divergence of a model from the original, for people and as a JSON object.
std::string divergence_text(const Divergence& divergence);
Json divergence_record(const Divergence& divergence);

// Checks whether training runs gave the same bits.

/// Compares the last checkpoints of runs. Prints a line for each comparison, and the first tensor that differs.
class Verdict {
 public:
  void compare(const std::string& what, const std::string& run, const std::string& reference);
  /// The exit status: 0, or `ErrorCode::numerical` if any two runs differed.
  int status() const { return status_; }

 private:
  int status_ = 0;
};

// A profile of training steps as text.

/// Two tables, by kernel and by part of the model, and the time outside kernels; per step.
std::string profile_tables(const StepProfile& profile);

/// The share of the steps' time outside kernels (tape, allocator, threads), in percent.
double outside_kernels_percent(const StepProfile& profile);

}  // namespace hewn::cli

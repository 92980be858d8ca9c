#pragma once
// Times of a whole model, for `hewn bench train` and `hewn bench sample`.

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/run/evaluation.h"
#include "model/json.h"
#include "model/model.h"

namespace hewn::cli {

/// Times of several calls, in seconds.
struct Timing {
  double best = 0, median = 0;
};

Timing timing_of(std::vector<double> seconds);

/// The time of each of these calls, in seconds, until the device has finished.
std::vector<double> seconds_of(Executor& device, int64_t calls, const std::function<void()>& call);

/// Measures the roofline. Call it before creating the model, so that it does not add to the process's peak
/// memory.
MachineRoof roof_of(Executor& device, const Settings& settings);

/// The fields common to all entries of `bench … --json`.
Json entry(const char* op, const std::string& shape, const Model& model, const Timing& t,
           const StepProfile& kernels);

/// "4x64, 12 layers of 768, vocabulary 50257".
std::string shape_text(const ModelConfig& m, int64_t batch_size);

}  // namespace hewn::cli

#pragma once
// The kernels of a training step, for `hewn bench kernels --shapes-from` and `hewn plan --ops`.

#include <string>
#include <vector>

#include "apps/bench/plan.h"
#include "apps/cli/settings.h"
#include "train/plan.h"

namespace hewn::cli {

/// Observes a step, for `make_plan`, and lists its kernels.
class StepKernels final : public Profiler {
 public:
  void launching(const char* op, const void* args) override;
  void launched(const char* op, const char* rung, const Cost& cost) override;

  /// Each op with each shape once, in the order of the first call.
  std::vector<RunKernel> list;

 private:
  size_t at_ = 0;  ///< index of the current launch
};

/// The configuration of the steps of a run, named by its directory or one of its checkpoints, as if it
/// trained with `changes`, keys of its command. Rows of a fine-tuned run have the length max_length, the
/// maximum; if its number of steps was derived from its rows, the number of steps done is used. Throws input
/// if there is no such run.
TrainConfig config_of_run(const std::string& path, const std::vector<Assignment>& changes = {});

/// The kernels of a training step of `of`: a run, one of its checkpoints, or a CONFIG.toml. The step runs on
/// the meta device, which computes nothing. Throws input if there is no such run.
std::vector<RunKernel> kernels_of_run(const std::string& of, int threads, Isa isa);

}  // namespace hewn::cli

#pragma once
// The kernels of a training step, for `hewn bench kernels --shapes-from` and `hewn plan --ops`.

#include <string>
#include <vector>

#include "apps/bench/plan.h"
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

/// The kernels of a training step of `of`: a run, one of its checkpoints, or a CONFIG.toml. The step runs on
/// the meta device, which computes nothing. Throws input if there is no such run.
std::vector<RunKernel> kernels_of_run(const std::string& of, int threads, Isa isa);

}  // namespace hewn::cli

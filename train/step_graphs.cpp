#include "train/step_graphs.h"

#include <cstdlib>

#include "core/error.h"
#include "kernels/contract/contract.h"

namespace hewn {

StepGraphs::StepGraphs(Executor& device)
    : device_(device), on_(std::getenv("CUDA_LAUNCH_BLOCKING") == nullptr) {}  // to find a failing kernel

StepGraphs::~StepGraphs() {
  for (Kind& kind : kinds_) drop(kind);
}

bool StepGraphs::run(const MicroStep& step, const std::function<void()>& work) {
  if (!device_.gpu() || !on_ || device_.profiler()) {  // a profiler needs individual kernels
    work();
    return false;
  }
  Kind& kind = kinds_[(step.first ? 1 : 0) + (step.last ? 2 : 0)];
  if (kind.step != step || (kind.graph && !usable(kind))) {
    drop(kind);
    kind = Kind();
    kind.step = step;
  }
  if (!kind.graph && ++kind.times <= 2) {
    work();
    return false;
  }
  const bool replayed = kind.graph != nullptr;
  if (!replayed) capture(kind, work);
  device_.gpu()->replay(kind.graph);
  ++replays_;
  return replayed;
}

void StepGraphs::capture(Kind& kind, const std::function<void()>& work) {
  GpuRuntime& gpu = *device_.gpu();
  gpu.begin_capture();
  device_.pool().begin_trace();
  try {
    work();
  } catch (const Error&) {
    device_.pool().end_trace();
    try {
      gpu.drop_graph(gpu.end_capture());
    } catch (const Error&) {
      // The first error is the one to report.
    }
    throw;
  }
  kind.memory = device_.pool().end_trace();
  kind.scratch = device_.scratch(0);
  kind.graph = gpu.end_capture();
}

/// Whether a replay would overwrite memory in use elsewhere: activations are in blocks that the pool has got
/// back and may have handed out again.
bool StepGraphs::usable(const Kind& kind) const {
  return device_.pool().idle(kind.memory) && device_.scratch(0) == kind.scratch;
}

void StepGraphs::drop(Kind& kind) {
  if (!kind.graph) return;
  try {
    device_.sync();  // the graph may be running
  } catch (const Error&) {
    // The failure is reported when a result is read.
  }
  device_.gpu()->drop_graph(kind.graph);
  kind.graph = nullptr;
}

}  // namespace hewn

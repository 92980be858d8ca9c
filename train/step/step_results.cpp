#include "train/step/step_results.h"

#include <cmath>
#include <limits>
#include <utility>

#include "core/error.h"
#include "kernels/contract/contract.h"

namespace hewn {

StepResults::StepResults(Executor& device) : device_(device), found_(here_) {
  GpuRuntime* const gpu = device.gpu();
  if (!gpu) return;
  found_ = static_cast<StepOnDevice*>(gpu->allocate_pinned(sizeof here_));
  if (!found_)
    fail(ErrorCode::memory, "out of host memory: cannot allocate pinned memory for the results of steps");
  for (Slot& slot : slots_) slot.done = gpu->make_event();
}

StepResults::~StepResults() {
  GpuRuntime* const gpu = device_.gpu();
  if (!gpu) return;
  try {
    while (size_ > 0) take();  // running copies still write to the memory
  } catch (const Error&) {
    // The failure has been reported, or the result was not needed.
  }
  for (const Slot& slot : slots_) gpu->drop_event(slot.done);
  gpu->release_pinned(found_);
}

void StepResults::push(const StepResult& begun, const StepOnDevice* step) {
  require(size_ < most, "cannot queue more than ", most, " steps; read their results first");
  const size_t at = (first_ + size_++) % most;
  slots_[at].result = begun;
  if (GpuRuntime* const gpu = device_.gpu()) {
    gpu->copy_out(&found_[at], step, sizeof *step);
    gpu->record(slots_[at].done);
  } else if (device_.runs()) {
    device_.download(&found_[at], step, sizeof *step);
  }
}

StepResult StepResults::take(const std::function<void()>& check) {
  require(size_ > 0, "cannot read the result of a step, because none is queued");
  const size_t at = std::exchange(first_, (first_ + 1) % most);
  --size_;
  if (GpuRuntime* const gpu = device_.gpu()) {
    for (; check && !gpu->reached(slots_[at].done); gpu->rest()) check();
    gpu->wait(slots_[at].done);
  }
  StepResult result = slots_[at].result;
  const auto& [share, state, loss] = found_[at];
  result.loss = loss;
  result.grad_norm = std::isfinite(loss) ? state.grad_norm : std::numeric_limits<double>::quiet_NaN();
  result.finite = state.non_finite == 0;
  return result;
}

}  // namespace hewn

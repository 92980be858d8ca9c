#pragma once
// Work concurrent with the main order of a device: on a GPU, on its second stream.

#include "core/base/not_copied.h"
#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

/// While it exists, launches are queued on the second stream and run concurrently with the main one. Memory
/// used by them must not return to the pool before `await_beside`. On other devices, and while a profiler
/// times the work, launches stay in the main order.
class Beside : NotCopied {
 public:
  explicit Beside(Executor& device) : gpu_(device.profiler() ? nullptr : device.gpu()) {
    if (gpu_) gpu_->choose(GpuRuntime::Stream::beside);
  }
  ~Beside() {
    if (gpu_) gpu_->choose(GpuRuntime::Stream::main);
  }
  /// Makes later launches wait for everything launched in the main order so far.
  void follow() {
    if (gpu_) gpu_->await_other();
  }

 private:
  GpuRuntime* gpu_;  // null: stays in the main order
};

/// Makes later launches in the main order wait for everything launched on the second stream so far.
inline void await_beside(Executor& device) {
  if (GpuRuntime* const gpu = device.gpu()) gpu->await_other();
}

}  // namespace hewn

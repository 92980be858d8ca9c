#pragma once
// Work beside the main order of a device: on a GPU, on its second stream.

#include "core/base/not_copied.h"
#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

/// While it exists, what is launched runs beside what the device does otherwise, in an order of its own. The memory that it
/// uses must not be given back to the pool before `await_beside`. Work stays in the main order on other devices, and while
/// a profiler times it.
class Beside : NotCopied {
 public:
  explicit Beside(Executor& device) : gpu_(device.profiler() ? nullptr : device.gpu()) {
    if (gpu_) gpu_->choose(GpuRuntime::Stream::beside);
  }
  ~Beside() {
    if (gpu_) gpu_->choose(GpuRuntime::Stream::main);
  }
  /// Has what is launched from now on follow everything that was launched in the main order so far.
  void follow() {
    if (gpu_) gpu_->await_other();
  }

 private:
  GpuRuntime* gpu_;  // null: stays
};

/// Has what is launched from now on, in the main order, follow everything that was launched beside so far.
inline void await_beside(Executor& device) {
  if (GpuRuntime* const gpu = device.gpu()) gpu->await_other();
}

}  // namespace hewn

#include "kernels/devices/beside.h"

namespace hewn {

Beside::Beside(Executor& device) : gpu_(device.profiler() ? nullptr : device.gpu()) {
  if (gpu_) gpu_->choose(GpuRuntime::Stream::beside);
}

Beside::~Beside() {
  if (gpu_) gpu_->choose(GpuRuntime::Stream::main);
}

void Beside::follow() {
  if (gpu_) gpu_->await_other();
}

void await_beside(Executor& device) {
  if (GpuRuntime* const gpu = device.gpu()) gpu->await_other();
}

}  // namespace hewn

#include "kernels/devices/captured_work.h"

#include <cstdlib>

#include "core/error.h"

namespace hewn {

bool CapturedWork::possible(Executor& device) {
  static const bool blocking = std::getenv("CUDA_LAUNCH_BLOCKING") != nullptr;
  return device.gpu() && !blocking && !device.profiler();
}

bool CapturedWork::run(const std::function<void()>& work) {
  if (graph_ && !usable()) forget();
  if (!graph_ && ++times_ <= 2) {
    work();
    return false;
  }
  const bool replayed = graph_ != nullptr;
  if (!replayed) capture(work);
  device_->gpu()->replay(graph_);
  ++replays_;
  return replayed;
}

void CapturedWork::capture(const std::function<void()>& work) {
  GpuRuntime& gpu = *device_->gpu();
  gpu.begin_capture();
  device_->pool().begin_trace();
  try {
    work();
  } catch (const Error&) {
    device_->pool().end_trace();
    try {
      gpu.drop_graph(gpu.end_capture());
    } catch (const Error&) {
      // The first error is the one to report.
    }
    throw;
  }
  memory_ = device_->pool().end_trace();
  scratch_ = device_->scratch(0);
  graph_ = gpu.end_capture();
}

/// Whether a replay would leave memory in use elsewhere alone: results within the work are in blocks that the
/// pool has got back and may have handed out again.
bool CapturedWork::usable() const { return device_->pool().idle(memory_) && device_->scratch(0) == scratch_; }

void CapturedWork::forget() {
  times_ = 0;
  if (!graph_) return;
  device_->gpu()->drop_graph(graph_);
  graph_ = nullptr;
}

}  // namespace hewn

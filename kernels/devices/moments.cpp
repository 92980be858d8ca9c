#include "kernels/devices/moments.h"

#include <chrono>

#include "kernels/gpu/runtime/runtime.h"

namespace hewn {

Moments::~Moments() {
  for (void* const event : events_) device_.gpu()->drop_event(event);
}

Moments::Moment Moments::mark() {
  if (GpuRuntime* const gpu = device_.gpu()) {
    if (n_ == events_.size()) events_.push_back(gpu->make_event());
    gpu->record(events_[n_]);
  } else {
    seconds_.resize(n_);
    seconds_.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count());
  }
  return n_++;
}

void Moments::wait() {
  if (n_ > 0 && device_.gpu()) device_.gpu()->wait(events_[n_ - 1]);
}

double Moments::between(Moment first, Moment second) const {
  GpuRuntime* const gpu = device_.gpu();
  return gpu ? gpu->seconds_between(events_[first], events_[second]) : seconds_[second] - seconds_[first];
}

}  // namespace hewn

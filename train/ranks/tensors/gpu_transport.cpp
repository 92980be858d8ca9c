#include "train/ranks/tensors/gpu_transport.h"

#include "kernels/devices/beside.h"

namespace hewn {

GpuTransport::GpuTransport(Messages& messages, Executor& device)
    : messages_(messages), device_(device), gpu_(*device.gpu()) {}

GpuTransport::~GpuTransport() {
  for (const Wait& wait : waits_) spare_.insert(spare_.end(), {wait.begin, wait.end});
  for (const GpuRuntime::Event event : spare_) gpu_.drop_event(event);
}

GpuRuntime::Event GpuTransport::record() {
  if (spare_.empty()) spare_.push_back(gpu_.make_event());
  const GpuRuntime::Event event = spare_.back();
  gpu_.record(event);
  spare_.pop_back();
  return event;
}

void GpuTransport::join() {
  const GpuRuntime::Event begin = record();
  await_beside(device_);
  waits_.push_back({begin, record()});
  joined_ = true;
}

bool GpuTransport::is_idle() const { return joined_ && (waits_.empty() || gpu_.reached(waits_.back().end)); }

void GpuTransport::settle() {
  if (waits_.empty()) return;
  while (!gpu_.reached(waits_.back().end)) {
    check();
    gpu_.rest();
  }
  check();
}

double GpuTransport::seconds_waited() {
  for (; !waits_.empty() && gpu_.reached(waits_.front().end); waits_.pop_front()) {
    const auto [begin, end] = waits_.front();
    seconds_waited_ += gpu_.seconds_between(begin, end);
    spare_.insert(spare_.end(), {begin, end});
  }
  return seconds_waited_;
}

}  // namespace hewn

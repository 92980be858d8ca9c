#include "train/ranks/tensors/gpu_transport.h"

#include "kernels/devices/beside.h"

namespace hewn {

GpuTransport::GpuTransport(Messages& messages, Executor& device)
    : messages_(messages), device_(device), gpu_(*device.gpu()) {}

GpuTransport::~GpuTransport() {
  waits_.push_back(in_graphs_);
  for (const Wait& wait : waits_) spare_.insert(spare_.end(), {wait.begin, wait.end});
  for (const GpuRuntime::Event event : spare_)
    if (event) gpu_.drop_event(event);
}

GpuRuntime::Event GpuTransport::record() {
  if (spare_.empty()) spare_.push_back(gpu_.make_event());
  const GpuRuntime::Event event = spare_.back();
  gpu_.record(event);
  spare_.pop_back();
  return event;
}

void GpuTransport::join() {
  if (gpu_.capturing()) {
    for (GpuRuntime::Event* event : {&in_graphs_.begin, &in_graphs_.end})
      if (!*event) *event = gpu_.make_event();
    gpu_.record(in_graphs_.begin);
    await_beside(device_);
    gpu_.record(in_graphs_.end);
  } else {
    const GpuRuntime::Event begin = record();
    await_beside(device_);
    waits_.push_back({begin, record()});
  }
  joined_ = true;
}

void GpuTransport::replayed() { waits_.push_back({nullptr, record()}); }

bool GpuTransport::is_idle() const { return joined_ && (waits_.empty() || gpu_.reached(waits_.back().end)); }

void GpuTransport::settle() {
  if (waits_.empty()) return;
  while (!gpu_.reached(waits_.back().end)) {
    check();
    gpu_.rest();
  }
  check();
  seconds_waited();  // before a replay marks its events again
}

double GpuTransport::seconds_waited() {
  for (; !waits_.empty() && gpu_.reached(waits_.front().end); waits_.pop_front()) {
    const auto [begin, end] = waits_.front();
    const Wait timed = begin ? waits_.front() : in_graphs_;
    seconds_waited_ += gpu_.seconds_between(timed.begin, timed.end);
    if (begin) spare_.push_back(begin);
    spare_.push_back(end);
  }
  return seconds_waited_;
}

}  // namespace hewn

#pragma once
// What the ways to exchange tensors of GPUs have in common.

#include <deque>
#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"
#include "train/ranks/tensors/transport.h"

namespace hewn {

/// Exchanges tensors beside the main order of a GPU, on its second stream, and measures how long the main one waits.
class GpuTransport : public TensorTransport {
 public:
  void join() override;
  void replayed() override;
  void check() override { messages_.check(); }
  void settle() override;
  double seconds_waited() override;

 protected:
  /// Both must outlive the object.
  GpuTransport(Messages& messages, Executor& device);
  ~GpuTransport() override;
  /// Whether the GPU has done everything that was started.
  bool is_idle() const;

  Messages& messages_;
  Executor& device_;
  GpuRuntime& gpu_;
  bool joined_ = true;  // whether nothing was started since the last `join`

 private:
  /// The time that the main order waits, between two events in it. If `begin` is null, it waits in a graph, which `end`
  /// follows.
  struct Wait {
    GpuRuntime::Event begin, end;
  };
  GpuRuntime::Event record();

  std::deque<Wait> waits_;  // those that are not counted, oldest first
  std::vector<GpuRuntime::Event> spare_;
  Wait in_graphs_{};  // of which every replay marks the events anew; null: no graph yet
  double seconds_waited_ = 0;
};

}  // namespace hewn

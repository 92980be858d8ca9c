#pragma once
// The common part of the transports for GPU tensors.

#include <deque>
#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"
#include "train/ranks/tensors/transport.h"

namespace hewn {

/// Exchanges tensors on the second stream of a GPU, and measures how long the main stream waits.
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
  /// Whether the GPU has finished all started exchanges.
  bool is_idle() const;

  Messages& messages_;
  Executor& device_;
  GpuRuntime& gpu_;
  bool joined_ = true;  // whether nothing was started since the last `join`

 private:
  /// A wait of the main stream, between two of its events. If `begin` is null, the wait is in a graph, and
  /// `end` follows the graph.
  struct Wait {
    GpuRuntime::Event begin, end;
  };
  GpuRuntime::Event record();

  std::deque<Wait> waits_;  // waits not counted yet, oldest first
  std::vector<GpuRuntime::Event> spare_;
  Wait in_graphs_{};  // the wait in the graph, whose events every replay marks again; null: no graph yet
  double seconds_waited_ = 0;
};

}  // namespace hewn

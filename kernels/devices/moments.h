#pragma once
// Times work on a device. The host's clock cannot: on a GPU it would only measure how long the launch takes.

#include <cstddef>
#include <vector>

#include "core/base/not_copied.h"
#include "kernels/contract/contract.h"

namespace hewn {

/// Marks points in the order of a device's work and measures the time between them.
class Moments : NotCopied {
 public:
  using Moment = size_t;

  explicit Moments(Executor& device) : device_(device) {}
  ~Moments();

  /// Marks this point: now on a CPU; on a GPU, when all work queued so far is done. Does not wait.
  Moment mark();
  /// Waits until all marks have been reached.
  void wait();
  /// Seconds between two marks that have been reached.
  double between(Moment first, Moment second) const;
  /// Forgets all marks.
  void clear() { n_ = 0; }

 private:
  Executor& device_;
  size_t n_ = 0;
  std::vector<double> seconds_;  ///< on a CPU
  std::vector<void*> events_;    ///< on a GPU; those past n_ are reused
};

}  // namespace hewn

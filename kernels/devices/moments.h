#pragma once
// How long a device works on something: the host's clock would only tell how long it takes to ask a GPU.

#include <cstddef>
#include <vector>

#include "kernels/contract/contract.h"

namespace hewn {

/// Points in the order of a device's work, and the time between them.
class Moments {
 public:
  using Moment = size_t;

  explicit Moments(Executor& device) : device_(device) {}
  ~Moments();
  Moments(const Moments&) = delete;
  Moments& operator=(const Moments&) = delete;

  /// Now; on a GPU, when it has done what it was asked for so far. Nobody waits.
  Moment mark();
  /// Waits until all have come.
  void wait();
  /// Seconds between two that have come.
  double between(Moment first, Moment second) const;
  /// Forgets all, to begin anew.
  void clear() { n_ = 0; }

 private:
  Executor& device_;
  size_t n_ = 0;
  std::vector<double> seconds_;  ///< on a processor
  std::vector<void*> events_;    ///< on a GPU; those past n_ are to be used again
};

}  // namespace hewn

#pragma once
// Transports of parts of tensors between ranks: one for host memory, others for GPU memory.

#include <memory>
#include <vector>

#include "core/tensor.h"
#include "train/ranks/messages.h"

namespace hewn {

/// An exchange of a rank with another one: contiguous parts of tensors, which may be empty.
struct TensorSwap {
  int other = 0;  ///< the rank
  Tensor mine;    ///< sent to it; must not change until the exchange is over
  Tensor theirs;  ///< received; the same size as the sent data
};

/// Pending swaps, started together.
class TensorExchange {
 public:
  virtual ~TensorExchange() = default;
  /// Makes progress without waiting. Returns whether the exchange is over: later launches on the device's
  /// second stream (`Beside`) may then read the received data and overwrite the sent data.
  virtual bool arrived() = 0;
  /// Waits until the exchange is over.
  virtual void wait() = 0;
};

class TensorTransport {
 public:
  virtual ~TensorTransport() = default;
  /// Starts to exchange the results of the work launched so far. All ranks start their exchanges in the same
  /// order.
  virtual std::unique_ptr<TensorExchange> start(Topic topic, std::vector<TensorSwap> swaps) = 0;
  /// The maximum number of concurrent exchanges; more would cost memory.
  virtual int64_t most_under_way() const = 0;
  /// Whether exchanges progress while this process does other work, and may be waited for at any time.
  virtual bool goes_on() const { return false; }
  /// Makes later launches wait for the exchanges that are over and for the second stream.
  virtual void join() {}
  /// Whether exchanges, up to a `join`, can be part of a graph (`CapturedWork`).
  virtual bool in_graphs() const { return false; }
  /// Call this after each replay of such a graph, and `settle` before the next one.
  virtual void replayed() {}
  /// Throws if another rank or a library has failed. Call this repeatedly while waiting for the device, which
  /// may itself wait for another rank.
  virtual void check() {}
  /// Waits until the device has done all work up to the last `join`. Throws like `check`.
  virtual void settle() {}
  /// The total time that the device has waited for completed calls of `join`, without the time that this
  /// process waits in `TensorExchange::wait`.
  virtual double seconds_waited() { return 0; }
};

}  // namespace hewn

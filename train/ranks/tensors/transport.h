#pragma once
// How parts of tensors get from one rank to another. There is a way for each place where they may be: memory of the host,
// or of a GPU.

#include <memory>
#include <vector>

#include "core/tensor.h"
#include "train/ranks/messages.h"

namespace hewn {

/// What a rank exchanges with another one: contiguous parts of tensors, any of which may be empty.
struct TensorSwap {
  int other = 0;  ///< the rank
  Tensor mine;    ///< sent to it, and must not change before the exchange is over
  Tensor theirs;  ///< receives as many bytes as it sends
};

/// Swaps under way, which were started together.
class TensorExchange {
 public:
  virtual ~TensorExchange() = default;
  /// Goes on with what can be done without waiting. Returns whether the exchange is over: `Beside` the main order of the
  /// device, what is launched from now on may read what was received, and overwrite what was sent.
  virtual bool arrived() = 0;
  /// Waits for that.
  virtual void wait() = 0;
};

class TensorTransport {
 public:
  virtual ~TensorTransport() = default;
  /// Starts to exchange what has been computed by the work launched so far. All ranks start their exchanges in the same
  /// order.
  virtual std::unique_ptr<TensorExchange> start(Topic topic, std::vector<TensorSwap> swaps) = 0;
  /// The number of exchanges that may be under way together; more cost memory.
  virtual int64_t most_under_way() const = 0;
  /// Whether exchanges go on while this process does something else, and may be waited for at any time.
  virtual bool goes_on() const { return false; }
  /// Has what is launched from now on follow the exchanges that are over, and what was launched beside.
  virtual void join() {}
  /// Whether exchanges, up to a `join`, can be part of a graph (`CapturedWork`).
  virtual bool in_graphs() const { return false; }
  /// To be called after each replay of such a graph; `settle` before the next one.
  virtual void replayed() {}
  /// Throws if another rank, or a library, has failed. To be called again and again while waiting for the device, which
  /// may wait for another rank.
  virtual void check() {}
  /// Waits until the device has done everything up to the last `join`. Throws as `check` does.
  virtual void settle() {}
  /// How long the device has waited in all calls of `join`, as far as it has done them. The time that this process waits
  /// in `TensorExchange::wait` is not part of it.
  virtual double seconds_waited() { return 0; }
};

}  // namespace hewn

#pragma once
// Messages between the processes of one run.

#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>

namespace hewn {

/// The topic of a message. Messages of one topic between two ranks arrive in the order in which they were
/// sent; those of different topics may overtake each other.
enum class Topic : uint8_t { sizes, contents, gradients, values, notices };

/// One of several processes, a rank, and its connections to the others. No call waits: `send` and `receive`
/// start a transfer, and `done` polls it. All calls come from one thread.
class Messages {
 public:
  using Transfer = int64_t;

  virtual ~Messages() = default;
  /// The number of this process, in [0, size()).
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Starts to send bytes, which must not change until the transfer is done.
  virtual Transfer send(int to, Topic topic, std::span<const std::byte> bytes) = 0;
  /// Starts to receive bytes; their number must equal the number sent. They must not be read until the
  /// transfer is done.
  virtual Transfer receive(int from, Topic topic, std::span<std::byte> bytes) = 0;
  /// Whether a transfer is done. Do not call it again after it has returned true.
  virtual bool done(Transfer transfer) = 0;
  /// For an idle caller: waits a while, at most until a transfer finishes that was still pending at the last
  /// call of `done`.
  virtual void rest() { std::this_thread::yield(); }
  /// Throws if another rank is known to have failed, as the other functions do.
  virtual void check() {}
  /// Whether the connection to another rank is known to have ended, so that no further transfer with it will
  /// finish.
  virtual bool lost(int /*rank*/) const { return false; }
  /// The last call; afterwards, the memory of transfers is no longer accessed. In order: called by all ranks
  /// once their messages are done; otherwise the other ranks are not notified.
  virtual void close(bool /*in_order*/) {}
};

}  // namespace hewn

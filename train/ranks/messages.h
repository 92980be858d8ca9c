#pragma once
// How the processes that compute a run together exchange bytes.

#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>

namespace hewn {

/// What a message is about. Messages of one topic between two ranks arrive in the order in which they were sent; those
/// of different topics may overtake each other.
enum class Topic : uint8_t { sizes, contents, gradients, values, notices };

/// One of several processes, a rank, and its connections to the others. Nothing waits: `send` and `receive` start a
/// transfer, and `done` asks for it. All calls come from one thread.
class Messages {
 public:
  using Transfer = int64_t;

  virtual ~Messages() = default;
  /// The number of this process, in [0, size()).
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Starts to send bytes, which must not change until the transfer is done.
  virtual Transfer send(int to, Topic topic, std::span<const std::byte> bytes) = 0;
  /// Starts to receive as many bytes as were sent. They must not be read until the transfer is done.
  virtual Transfer receive(int from, Topic topic, std::span<std::byte> bytes) = 0;
  /// Whether a transfer is done; asked until it is, and not again after that.
  virtual bool done(Transfer transfer) = 0;
  /// For a caller with nothing else to do: waits a while, at most until a transfer is done that was not when `done` was
  /// last asked for it.
  virtual void rest() { std::this_thread::yield(); }
  /// Throws if another rank is known to have failed, as the other functions do.
  virtual void check() {}
  /// Whether the connection to another rank is known to have ended, so that no transfer with it will be done any more.
  virtual bool lost(int /*rank*/) const { return false; }
  /// The last call: from now on, no memory of a transfer is touched. In order, all ranks call it when they have nothing
  /// more to say; otherwise the others are not told.
  virtual void close(bool /*in_order*/) {}
};

}  // namespace hewn

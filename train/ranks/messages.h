#pragma once
// How the processes that compute a run together exchange bytes.

#include <cstddef>
#include <cstdint>
#include <span>

namespace hewn {

/// What a message is about. Messages of one topic between two ranks arrive in the order in which they were sent; those
/// of different topics may overtake each other.
enum class Topic : uint8_t { sizes, contents, gradients, values };

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
};

}  // namespace hewn

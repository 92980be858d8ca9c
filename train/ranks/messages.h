#pragma once
// Messages between the processes of one run.

#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

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

// Several pending messages.

/// Transfers that are waited for together.
class Transfers {
 public:
  /// `messages` must outlive the object.
  explicit Transfers(Messages& messages) : messages_(messages) {}

  /// Starts one more, as in `Messages`.
  void send(int to, Topic topic, std::span<const std::byte> bytes) {
    open_.push_back(messages_.send(to, topic, bytes));
  }
  void receive(int from, Topic topic, std::span<std::byte> bytes) {
    open_.push_back(messages_.receive(from, topic, bytes));
  }
  /// Whether all are done. Does not wait.
  bool done() {
    std::erase_if(open_, [&](Messages::Transfer transfer) { return messages_.done(transfer); });
    return open_.empty();
  }
  void wait() {
    while (!done()) messages_.rest();
  }

 private:
  Messages& messages_;
  std::vector<Messages::Transfer> open_;  // not known to be done
};

// The interface of the message library, libhewn_mpi.so. It is a C interface, because library and program may
// be built with different standard libraries.

/// All calls come from one thread. Each returns null, or an error message that stays valid until the next
/// call.
struct MessageLibrary {
  static constexpr uint32_t current_abi = 3;
  /// The function without arguments that returns the library's table.
  static constexpr const char* entry = "hewn_message_library";

  uint32_t abi;          ///< `current_abi` when the library was built
  const char* name;      ///< "Open MPI 4.1.4"
  const char* launcher;  ///< the program that starts ranks, "/usr/bin/mpiexec.openmpi"
  bool hydra;            ///< whether it takes the options of Hydra (MPICH) instead of Open MPI's

  /// Connects this process with those started with it. Called once.
  const char* (*open)(int* rank, int* size);
  /// As in `Messages`; a transfer is a non-negative number.
  const char* (*send)(int to, int topic, const void* bytes, size_t n, int64_t* transfer);
  const char* (*receive)(int from, int topic, void* bytes, size_t n, int64_t* transfer);
  const char* (*done)(int64_t transfer, bool* is_done);

  /// Disconnects; all processes call it, after their transfers are done.
  const char* (*close)();
};

}  // namespace hewn

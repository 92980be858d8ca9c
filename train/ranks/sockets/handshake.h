#pragma once
// How two processes make sure that they are ranks of the same attempt of the same run. Both prove that they have read the
// other's file, and neither sends its own token: the caller sends that of the rank it calls, which answers with the
// caller's, and the caller confirms.

#include <array>
#include <cstdint>
#include <type_traits>

#include "train/ranks/sockets/rank_files.h"

namespace hewn {

/// What both sides know before they meet.
struct RankIdentity {
  uint64_t run = 0;  ///< checksum of its name
  int64_t attempt = 0;
  int rank = 0, size = 1;
  Token token{};
};

/// The first bytes of a message, which no other program sends.
using Mark = std::array<char, 8>;
constexpr Mark mark_of_call{'h', 'e', 'w', 'n', 'c', 'a', 'l', '1'};
constexpr Mark mark_of_answer{'h', 'e', 'w', 'n', 'a', 'n', 's', '1'};
constexpr Mark mark_of_confirmation{'h', 'e', 'w', 'n', 'c', 'o', 'n', '1'};

/// From the rank with the higher number to the other.
struct CallMessage {
  Mark mark = mark_of_call;
  Token token{};  ///< of the rank that is called
  uint64_t run = 0;
  int64_t attempt = 0;
  int32_t from = 0, to = 0, size = 0, unused = 0;
};

/// From the rank that was called.
struct AnswerMessage {
  Mark mark = mark_of_answer;
  Token token{};  ///< of the caller
  int32_t size = 0, unused = 0;
};

/// From the caller; it begins to send messages right after this.
struct ConfirmationMessage {
  Mark mark = mark_of_confirmation;
};

static_assert(std::has_unique_object_representations_v<CallMessage> &&
                  std::has_unique_object_representations_v<AnswerMessage>,
              "they are sent byte by byte");

/// The bytes of a message that have arrived so far.
template <class Message>
class Arriving {
 public:
  /// Reads without waiting. Returns whether the message is complete; nothing if the connection has ended.
  std::optional<bool> read(const Socket& socket) {
    const auto bytes = std::as_writable_bytes(std::span(&message_, 1));
    while (read_ < bytes.size()) {
      const auto n = read_now(socket, bytes.subspan(read_));
      if (!n) return std::nullopt;
      if (*n == 0) return false;
      read_ += *n;
    }
    return true;
  }
  const Message& message() const { return message_; }

 private:
  Message message_{};
  size_t read_ = 0;
};

/// Sends a message of a handshake. Returns false if the connection takes none, which is then of no use: the buffers of a
/// fresh one have room for it.
template <class Message>
bool send_whole(const Socket& socket, const Message& message) {
  const auto n = write_now(socket, std::as_bytes(std::span(&message, 1)));
  return n && *n == sizeof message;
}

/// Throws usage: two ranks were given different numbers of processes.
[[noreturn]] void fail_of_sizes(const RankIdentity& me, int other, int size_of_other);

}  // namespace hewn

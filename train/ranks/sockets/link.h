#pragma once
// The connection between two ranks: messages of several topics over one stream of bytes.

#include <array>
#include <deque>
#include <set>

#include "core/base/clock.h"
#include "core/io/socket.h"
#include "train/ranks/messages.h"

namespace hewn {

/// Sends and receives messages over a socket. A message is sent when the other side has granted it, which it does as soon
/// as it has memory for it. So every byte is read to its place, no message is buffered, and one that nobody expects yet
/// keeps no other waiting. Long messages are sent in pieces, between which those of other topics are sent.
class Link {
 public:
  using Transfer = Messages::Transfer;

  /// `rank` is that of the other side, for error messages.
  Link(int rank, Socket socket) : rank_(rank), socket_(std::move(socket)) {}

  /// As in `Messages`. The number of a transfer is added to `finished` by `advance` when it is done.
  void send(Transfer transfer, Topic topic, std::span<const std::byte> bytes);
  void receive(Transfer transfer, Topic topic, std::span<std::byte> bytes);

  /// Reads and writes what is possible without waiting. Throws ErrorCode::failed if the other side breaks the protocol,
  /// or if the lengths of a message and of the memory for it differ.
  void advance(std::set<Transfer>& finished);
  /// Whether the other side has closed the connection or vanished. No further transfer is done then.
  bool lost() const { return !readable_; }
  /// Whether there is something to write.
  bool has_output() const;
  int fd() const { return socket_.get(); }
  /// Ends the connection, in order if `close_in_order` is to wait for the other side until then.
  void close(bool in_order, Clock::time_point deadline);

 private:
  static constexpr size_t topics = static_cast<size_t>(Topic::notices) + 1;
  enum class Kind : uint32_t { grant = 1, piece = 2 };
  /// What precedes the bytes of a piece; a grant has no bytes.
  struct Frame {
    Kind kind;
    uint32_t topic;
    uint64_t message;  // bytes of the whole message
    uint64_t piece;    // bytes that follow
  };
  struct Outgoing {
    Transfer transfer;
    std::span<const std::byte> bytes;
  };
  struct Incoming {
    Transfer transfer;
    std::span<std::byte> bytes;
  };
  /// The messages of a topic, in order, and how much of the first ones has been sent and received.
  struct Lane {
    std::deque<Outgoing> outgoing;
    std::deque<uint64_t> granted;  // lengths of messages that the other side has memory for
    size_t sent = 0;
    std::deque<Incoming> incoming;
    size_t received = 0;
  };

  bool read_some(std::set<Transfer>& finished);
  void begin_frame(std::set<Transfer>& finished);
  void end_piece(std::set<Transfer>& finished);
  bool write_some(std::set<Transfer>& finished);
  bool choose_frame();
  void end_frame(std::set<Transfer>& finished);

  int rank_;
  Socket socket_;
  bool readable_ = true, writable_ = true;
  std::array<Lane, topics> lanes_;

  Frame in_{};          // of the bytes that are read
  size_t in_read_ = 0;  // bytes of it
  size_t in_left_ = 0;  // bytes of the piece to be read

  std::deque<Frame> grants_;  // to be sent
  Frame out_{};               // of the bytes that are written
  std::span<const std::byte> piece_;
  size_t out_written_ = 0;  // bytes of the frame and the piece
  bool writing_ = false;
  size_t turn_ = 0;  // the topic whose turn it was last
};

}  // namespace hewn

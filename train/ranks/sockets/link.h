#pragma once
// The connection between two ranks: messages of several topics over one stream of bytes.

#include <array>
#include <deque>
#include <set>

#include "core/base/clock.h"
#include "core/io/socket.h"
#include "train/ranks/messages.h"

namespace hewn {

/// Sends and receives messages over a socket. Messages are not buffered: every byte is read directly to its
/// destination, and a message not yet expected does not delay others:
/// * A short message is sent when the other side has granted it, which means that it has memory for it.
/// * A long message is offered: the other side reads it directly from the memory of this process, with one
///   copy instead of two. If the system refuses that, it is sent in pieces, interleaved with other topics.
class Link {
 public:
  using Transfer = Messages::Transfer;

  /// `rank` is the other side's, for error messages.
  Link(int rank, Socket socket) : rank_(rank), socket_(std::move(socket)) {}

  /// As in `Messages`. The number of a transfer is added to `finished` by `advance` when it is done.
  void send(Transfer transfer, Topic topic, std::span<const std::byte> bytes);
  void receive(Transfer transfer, Topic topic, std::span<std::byte> bytes);

  /// Reads and writes as much as possible without waiting. Throws ErrorCode::failed if the other side breaks
  /// the protocol, or if the lengths of a message and of the memory for it differ.
  void advance(std::set<Transfer>& finished);
  /// Whether the other side has closed the connection or vanished. No further transfer finishes then.
  bool lost() const { return !readable_; }
  /// Whether there is something to write.
  bool has_output() const;
  /// Whether an offered message is waiting to be read.
  bool has_offer() const;
  int fd() const { return socket_.get(); }
  /// Ends the connection; in order: waits for the other side until `deadline` (`close_in_order`).
  void close(bool in_order, Clock::time_point deadline);

 private:
  static constexpr size_t topics = static_cast<size_t>(Topic::notices) + 1;
  enum class Kind : uint16_t {
    grant = 1,  // there is memory for a message
    piece,      // the next bytes of a message follow
    offer,      // a message can be read at an address
    taken       // this many bytes were read before the system refused
  };
  struct Frame {
    Kind kind;
    uint16_t topic;
    int32_t process;   // of the address
    uint64_t message;  // bytes of the whole message; those that were read
    uint64_t piece;    // bytes that follow; the address
  };
  struct Outgoing {
    Transfer transfer;
    std::span<const std::byte> bytes;
  };
  struct Incoming {
    Transfer transfer;
    std::span<std::byte> bytes;
  };
  /// The messages of a topic, in order, and the progress of the first ones.
  struct Lane {
    std::deque<Outgoing> outgoing;
    std::deque<uint64_t> granted;  // lengths of messages that the other side has memory for
    size_t sent = 0;
    bool refused = false;  // whether the other side failed to read all of the first, offered message
    std::deque<Incoming> incoming;
    std::deque<Frame> offers;  // of long messages
    size_t received = 0;

    bool has_output() const;
    bool has_offer() const;
  };

  bool read_some(std::set<Transfer>& finished);
  void take_some(Lane& lane, std::set<Transfer>& finished);
  void check(bool right, const char* problem) const;
  void begin_frame(std::set<Transfer>& finished);
  void note_received(Lane& lane, size_t bytes, std::set<Transfer>& finished);
  bool write_some(std::set<Transfer>& finished);
  bool choose_frame();
  void end_frame(std::set<Transfer>& finished);
  void note_sent(Lane& lane, size_t bytes, std::set<Transfer>& finished);

  int rank_;
  Socket socket_;
  bool readable_ = true, writable_ = true;
  std::array<Lane, topics> lanes_;

  Frame in_{};          // of the bytes that are read
  size_t in_read_ = 0;  // bytes of it
  size_t in_left_ = 0;  // bytes of the piece to be read

  std::deque<Frame> short_;  // frames without bytes, to be sent
  Frame out_{};              // of the bytes that are written
  std::span<const std::byte> piece_;
  size_t out_written_ = 0;  // bytes of the frame and the piece
  bool writing_ = false;
  size_t turn_ = 0;  // the topic served last
};

}  // namespace hewn

#include "train/ranks/sockets/link.h"

#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/clock.h"
#include "core/error.h"

namespace hewn {
namespace {

// Messages that are at least so long are offered, which takes longer than sending a short one.
constexpr size_t least_offered = size_t{1} << 16;
// What is read of an offer before other messages have their turn.
constexpr size_t longest_taken = size_t{1} << 22;
// Notices wait for at most one piece.
constexpr size_t longest_piece = size_t{1} << 19;
// Reads or writes between which the caller, who has other connections and a clock, gets control.
constexpr int most_turns = 64;

bool is_long(std::span<const std::byte> message) { return message.size() >= least_offered; }

}  // namespace

bool Link::Lane::has_output() const {
  return !outgoing.empty() && (is_long(outgoing.front().bytes) ? refused : !granted.empty());
}

bool Link::Lane::has_offer() const {
  return !offers.empty() && !incoming.empty() && is_long(incoming.front().bytes);
}

void Link::send(Transfer transfer, Topic topic, std::span<const std::byte> bytes) {
  lanes_[static_cast<size_t>(topic)].outgoing.push_back({transfer, bytes});
  if (is_long(bytes))
    short_.push_back({Kind::offer, static_cast<uint16_t>(topic), ::getpid(), bytes.size(),
                      reinterpret_cast<uintptr_t>(bytes.data())});
}

void Link::receive(Transfer transfer, Topic topic, std::span<std::byte> bytes) {
  lanes_[static_cast<size_t>(topic)].incoming.push_back({transfer, bytes});
  short_.push_back({Kind::grant, static_cast<uint16_t>(topic), 0, bytes.size(), 0});
}

void Link::advance(std::set<Transfer>& finished) {
  // Reading first: what arrives may be the grant for what is to be written, or the last words of the other side.
  for (int turn = 0; turn < most_turns && readable_ && read_some(finished); ++turn) {
  }
  for (Lane& lane : lanes_)
    if (readable_ && lane.has_offer()) take_some(lane, finished);
  for (int turn = 0; turn < most_turns && writable_ && write_some(finished); ++turn) {
  }
}

/// Reads once. Returns whether there may be more.
bool Link::read_some(std::set<Transfer>& finished) {
  const bool frame = in_read_ < sizeof in_;
  Lane& lane = lanes_[frame ? 0 : in_.topic];
  const auto n = read_now(socket_, frame ? std::as_writable_bytes(std::span(&in_, 1)).subspan(in_read_)
                                         : lane.incoming.front().bytes.subspan(lane.received, in_left_));
  readable_ = n.has_value();
  if (!n || *n == 0) return false;
  if (frame) {
    in_read_ += *n;
    if (in_read_ == sizeof in_) begin_frame(finished);
  } else {
    in_left_ -= *n;
    if (in_left_ == 0) in_read_ = 0;
    note_received(lane, *n, finished);
  }
  return true;
}

void Link::check(bool right, const char* problem) const {
  if (!right)
    fail(ErrorCode::failed, "rank ", rank_, " sends ", problem, "; start all ranks with the same build");
}

/// Does what a frame says that has arrived.
void Link::begin_frame(std::set<Transfer>& finished) {
  check(in_.kind >= Kind::grant && in_.kind <= Kind::taken && in_.topic < topics,
        "something that is no message");
  Lane& lane = lanes_[in_.topic];
  in_left_ = in_.kind == Kind::piece ? in_.piece : 0;
  if (in_left_ == 0) in_read_ = 0;
  switch (in_.kind) {
    case Kind::grant: return lane.granted.push_back(in_.message);
    case Kind::offer: return lane.offers.push_back(in_);
    case Kind::taken: {
      const bool offered = !lane.outgoing.empty() && !lane.granted.empty() && !lane.refused;
      check(offered && in_.message <= lane.outgoing.front().bytes.size(), "an answer to no offer");
      lane.refused = true;
      return note_sent(lane, in_.message, finished);
    }
    case Kind::piece: {
      const size_t size = lane.incoming.empty() ? 0 : lane.incoming.front().bytes.size();
      check(!lane.incoming.empty() && in_.message == size && in_left_ <= size - lane.received &&
                (in_left_ > 0 || size == 0),
            "a message that was not expected");
      if (in_left_ == 0) note_received(lane, 0, finished);
    }
  }
}

/// Reads once from the memory of the other side.
void Link::take_some(Lane& lane, std::set<Transfer>& finished) {
  const Frame offer = lane.offers.front();
  const std::span<std::byte> all = lane.incoming.front().bytes;
  check(offer.process > 0 && offer.message == all.size(), "a message that was not expected");
  const auto room = all.subspan(lane.received, std::min(all.size() - lane.received, longest_taken));
  const iovec mine{room.data(), room.size()},
      theirs{reinterpret_cast<void*>(offer.piece + lane.received), room.size()};
  const ssize_t n = ::process_vm_readv(offer.process, &mine, 1, &theirs, 1, 0);
  // A rank that fails closes the connection before it frees the memory.
  pollfd other{.fd = socket_.get(), .events = POLLRDHUP, .revents = 0};
  readable_ = ::poll(&other, 1, 0) == 0;
  if (!readable_) return;
  const size_t read = n > 0 ? static_cast<size_t>(n) : 0, received = lane.received + read;
  if (read == 0 || received == all.size()) {
    short_.push_back({Kind::taken, offer.topic, 0, received, 0});
    lane.offers.pop_front();
  }
  note_received(lane, read, finished);
}

/// Takes note that more bytes of the first message of a lane have arrived.
void Link::note_received(Lane& lane, size_t bytes, std::set<Transfer>& finished) {
  lane.received += bytes;
  if (lane.received < lane.incoming.front().bytes.size()) return;
  finished.insert(lane.incoming.front().transfer);
  lane.incoming.pop_front();
  lane.received = 0;
}

bool Link::has_output() const {
  return writable_ && (writing_ || !short_.empty() || std::ranges::any_of(lanes_, &Lane::has_output));
}

bool Link::has_offer() const { return readable_ && std::ranges::any_of(lanes_, &Lane::has_offer); }

/// Writes once. Returns whether there may be room for more.
bool Link::write_some(std::set<Transfer>& finished) {
  if (!writing_ && !choose_frame()) return false;
  const auto frame = std::as_bytes(std::span(&out_, 1));
  const size_t of_frame = std::min(out_written_, frame.size());
  const auto n = write_now(socket_, frame.subspan(of_frame), piece_.subspan(out_written_ - of_frame));
  writable_ = n.has_value();
  if (!n || *n == 0) return false;
  out_written_ += *n;
  if (out_written_ == frame.size() + piece_.size()) end_frame(finished);
  return true;
}

/// Sets what is written next: short frames, then notices, then the other topics in turn. Returns false if there is nothing.
bool Link::choose_frame() {
  out_written_ = 0;
  piece_ = {};
  if (!short_.empty()) {
    out_ = short_.front();
    short_.pop_front();
    return writing_ = true;
  }
  for (size_t i = 0; i <= topics; ++i) {
    const size_t topic = i == 0 ? static_cast<size_t>(Topic::notices) : (turn_ + i) % topics;
    Lane& lane = lanes_[topic];
    if (lane.outgoing.empty() || lane.granted.empty()) continue;
    const std::span<const std::byte> bytes = lane.outgoing.front().bytes;
    if (bytes.size() != lane.granted.front())
      fail(ErrorCode::failed, "rank ", rank_, " expects a message of ", lane.granted.front(),
           " bytes, but this rank sends ", bytes.size(), "; start all ranks with the same build");
    if (!lane.has_output()) continue;
    if (i > 0) turn_ = topic;
    piece_ = bytes.subspan(lane.sent, std::min(longest_piece, bytes.size() - lane.sent));
    out_ = {Kind::piece, static_cast<uint16_t>(topic), 0, bytes.size(), piece_.size()};
    return writing_ = true;
  }
  return false;
}

void Link::end_frame(std::set<Transfer>& finished) {
  writing_ = false;
  if (out_.kind == Kind::piece) note_sent(lanes_[out_.topic], piece_.size(), finished);
}

/// Takes note that more bytes of the first message of a lane have reached the other side.
void Link::note_sent(Lane& lane, size_t bytes, std::set<Transfer>& finished) {
  lane.sent += bytes;
  if (lane.sent < lane.outgoing.front().bytes.size()) return;
  finished.insert(lane.outgoing.front().transfer);
  lane.outgoing.pop_front();
  lane.granted.pop_front();
  lane.sent = 0;
  lane.refused = false;
}

void Link::close(bool in_order, Clock::time_point deadline) {
  if (!socket_.is_open()) return;
  if (in_order && readable_)
    close_in_order(socket_, deadline);
  else
    socket_.close();
  readable_ = writable_ = false;
}

}  // namespace hewn

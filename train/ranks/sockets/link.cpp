#include "train/ranks/sockets/link.h"

#include <algorithm>

#include "core/base/clock.h"
#include "core/error.h"

namespace hewn {
namespace {

// Notices wait for at most one piece.
constexpr size_t longest_piece = size_t{1} << 19;
// Reads or writes between which the caller, who has other connections and a clock, gets control.
constexpr int most_turns = 64;

}  // namespace

void Link::send(Transfer transfer, Topic topic, std::span<const std::byte> bytes) {
  lanes_[static_cast<size_t>(topic)].outgoing.push_back({transfer, bytes});
}

void Link::receive(Transfer transfer, Topic topic, std::span<std::byte> bytes) {
  lanes_[static_cast<size_t>(topic)].incoming.push_back({transfer, bytes});
  grants_.push_back({Kind::grant, static_cast<uint32_t>(topic), bytes.size(), 0});
}

void Link::advance(std::set<Transfer>& finished) {
  // Reading first: what arrives may be the grant for what is to be written, or the last words of the other side.
  for (int turn = 0; turn < most_turns && readable_ && read_some(finished); ++turn) {
  }
  for (int turn = 0; turn < most_turns && writable_ && write_some(finished); ++turn) {
  }
}

/// Reads once. Returns whether there may be more.
bool Link::read_some(std::set<Transfer>& finished) {
  const bool frame = in_read_ < sizeof in_;
  std::span<std::byte> room;
  if (frame) {
    room = std::as_writable_bytes(std::span(&in_, 1)).subspan(in_read_);
  } else {
    const Lane& lane = lanes_[in_.topic];
    room = lane.incoming.front().bytes.subspan(lane.received, in_left_);
  }
  const auto n = read_now(socket_, room);
  readable_ = n.has_value();
  if (!n || *n == 0) return false;
  if (frame) {
    in_read_ += *n;
    if (in_read_ == sizeof in_) begin_frame(finished);
  } else {
    lanes_[in_.topic].received += *n;
    in_left_ -= *n;
    if (in_left_ == 0) end_piece(finished);
  }
  return true;
}

/// Does what a frame says that has arrived.
void Link::begin_frame(std::set<Transfer>& finished) {
  const bool known = in_.kind == Kind::grant || in_.kind == Kind::piece;
  if (!known || in_.topic >= topics)
    fail(ErrorCode::failed, "rank ", rank_,
         " sends something that is no message; start all ranks with the same build");
  Lane& lane = lanes_[in_.topic];
  if (in_.kind == Kind::grant) {
    lane.granted.push_back(in_.message);
    in_read_ = 0;
    return;
  }
  const bool fits = !lane.incoming.empty() && in_.message == lane.incoming.front().bytes.size() &&
                    in_.piece <= in_.message - lane.received;
  if (!fits || (in_.piece == 0 && in_.message != 0))
    fail(ErrorCode::failed, "rank ", rank_,
         " sends a message that was not expected; start all ranks with the same build");
  in_left_ = in_.piece;
  if (in_left_ == 0) end_piece(finished);
}

void Link::end_piece(std::set<Transfer>& finished) {
  in_read_ = 0;
  Lane& lane = lanes_[in_.topic];
  if (lane.received < lane.incoming.front().bytes.size()) return;
  finished.insert(lane.incoming.front().transfer);
  lane.incoming.pop_front();
  lane.received = 0;
}

bool Link::has_output() const {
  const auto ready = [](const Lane& lane) { return !lane.outgoing.empty() && !lane.granted.empty(); };
  return writable_ && (writing_ || !grants_.empty() || std::ranges::any_of(lanes_, ready));
}

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

/// Sets what is written next: grants, then notices, then the other topics in turn. Returns false if there is nothing.
bool Link::choose_frame() {
  out_written_ = 0;
  if (!grants_.empty()) {
    out_ = grants_.front();
    grants_.pop_front();
    piece_ = {};
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
    if (i > 0) turn_ = topic;
    piece_ = bytes.subspan(lane.sent, std::min(longest_piece, bytes.size() - lane.sent));
    out_ = {Kind::piece, static_cast<uint32_t>(topic), bytes.size(), piece_.size()};
    return writing_ = true;
  }
  return false;
}

void Link::end_frame(std::set<Transfer>& finished) {
  writing_ = false;
  if (out_.kind != Kind::piece) return;
  Lane& lane = lanes_[out_.topic];
  lane.sent += piece_.size();
  piece_ = {};
  if (lane.sent < lane.outgoing.front().bytes.size()) return;
  finished.insert(lane.outgoing.front().transfer);
  lane.outgoing.pop_front();
  lane.granted.pop_front();
  lane.sent = 0;
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

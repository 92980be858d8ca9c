#include "train/ranks/sockets/caller.h"

#include <poll.h>

#include "core/error.h"

namespace hewn {

using namespace std::chrono_literals;

short Caller::events() const { return state_ == State::connects ? POLLOUT : POLLIN; }

void Caller::advance() {
  if (state_ == State::waits && Clock::now() >= next_) begin();
  if (state_ == State::connects) ask();
  if (state_ == State::asked) read_answer();
  if (state_ == State::connects || state_ == State::asked) look_at_clock();
}

/// Ends a call that takes too long, or that goes to a process in whose place another one was started.
void Caller::look_at_clock() {
  const auto now = Clock::now();
  if (now >= next_) return try_again();
  if (now < looked_ + 200ms) return;
  looked_ = now;
  if (files_.read(to_) != address_) try_again();
}

void Caller::begin() {
  const auto address = files_.read(to_);
  next_ = Clock::now() + 50ms;
  if (!address) return;
  address_ = *address;
  socket_ = start_connecting(address_.endpoint);
  if (!socket_.is_open()) return try_again();
  state_ = State::connects;
  looked_ = Clock::now();
  next_ = looked_ + patience_;
}

void Caller::try_again() {
  socket_.close();
  answer_ = {};
  state_ = State::waits;
  next_ = Clock::now() + 50ms;
}

void Caller::ask() {
  const auto connected = hewn::is_connected(socket_);
  if (!connected) return try_again();
  if (!*connected) return;
  const CallMessage call{.token = address_.token,
                         .run = me_.run,
                         .attempt = me_.attempt,
                         .from = me_.rank,
                         .to = to_,
                         .size = me_.size};
  if (!send_whole(socket_, call)) return try_again();
  state_ = State::asked;
}

void Caller::read_answer() {
  const auto complete = answer_.read(socket_);
  if (!complete) return try_again();
  if (!*complete) return;
  const AnswerMessage& answer = answer_.message();
  // Who answers with another token has read the file of a process that was here before, or is a stranger.
  if (answer.mark != mark_of_answer || answer.token != me_.token) return try_again();
  if (answer.size != me_.size) fail_of_sizes(me_, to_, answer.size);
  if (!send_whole(socket_, ConfirmationMessage{})) return try_again();
  state_ = State::connected;
}

}  // namespace hewn

#include "train/ranks/sockets/receptionist.h"

#include <algorithm>

#include "core/error.h"

namespace hewn {
namespace {

// More than there are ranks, so that strangers who send nothing leave room for them.
constexpr size_t most_visitors = 1100;

}  // namespace

void Receptionist::advance(std::vector<Socket>& connections) {
  for (Socket socket = accept_from(listener_); socket.is_open(); socket = accept_from(listener_)) {
    if (visitors_.size() == most_visitors) visitors_.pop_front();
    visitors_.push_back({.socket = std::move(socket), .since = Clock::now()});
    if (visitors_.size() == most_visitors) break;  // those that are there are heard before others
  }
  std::erase_if(visitors_, [&](Visitor& visitor) {
    return attend(visitor, connections) == Next::leaves || Clock::now() - visitor.since > patience_;
  });
}

Receptionist::Next Receptionist::attend(Visitor& visitor, std::vector<Socket>& connections) {
  if (!visitor.answered) {
    const auto complete = visitor.call.read(visitor.socket);
    if (!complete) return Next::leaves;
    if (!*complete) return Next::stays;
    if (answer(visitor) == Next::leaves) return Next::leaves;
  }
  const auto complete = visitor.confirmation.read(visitor.socket);
  if (!complete) return Next::leaves;
  if (!*complete) return Next::stays;
  const CallMessage& call = visitor.call.message();
  if (visitor.confirmation.message().mark != mark_of_confirmation) return Next::leaves;
  if (call.size != me_.size) return Next::leaves;
  // In place of an older one, if a process was started in place of one that had connected already.
  connections[static_cast<size_t>(call.from)] = std::move(visitor.socket);
  return Next::leaves;
}

Receptionist::Next Receptionist::answer(Visitor& visitor) {
  const CallMessage& call = visitor.call.message();
  if (!is_for_me(call)) return Next::leaves;
  // The caller may have replaced its file, and calls again if it gets the token of the older one.
  const auto caller = files_.read(call.from);
  if (!caller) return Next::leaves;
  if (!send_whole(visitor.socket, AnswerMessage{.token = caller->token, .size = me_.size}))
    return Next::leaves;
  visitor.answered = true;
  if (call.size != me_.size) fail_of_sizes(me_, call.from, call.size);
  return Next::stays;
}

bool Receptionist::is_for_me(const CallMessage& call) const {
  return call.mark == mark_of_call && call.token == me_.token && call.run == me_.run &&
         call.attempt == me_.attempt && call.to == me_.rank && call.from > me_.rank &&
         call.from < std::max(call.size, me_.size);
}

std::vector<int> Receptionist::fds() const {
  std::vector<int> all{listener_.get()};
  for (const Visitor& visitor : visitors_) all.push_back(visitor.socket.get());
  return all;
}

}  // namespace hewn

#pragma once
// The side of a handshake that connects.

#include <optional>

#include "core/base/clock.h"
#include "train/ranks/sockets/handshake.h"

namespace hewn {

/// Calls a rank, again and again, until it answers: its file may be missing or of a process that has ended, and another
/// program may listen where that did.
class Caller {
 public:
  /// A call of rank `to`, which is given up and repeated after `patience`. The others must outlive the object.
  Caller(const RankIdentity& me, const RankFiles& files, int to, Clock::duration patience)
      : me_(me), files_(files), to_(to), patience_(patience) {}

  /// Does what is possible without waiting. Throws usage if the rank was given another number of processes.
  void advance();
  bool is_connected() const { return state_ == State::connected; }
  int to() const { return to_; }
  /// What is waited for: a socket and events of `poll`; -1 if there is none.
  int fd() const { return is_connected() ? -1 : socket_.get(); }
  short events() const;
  /// The connection, once it is there.
  Socket take() { return std::move(socket_); }

 private:
  enum class State : uint8_t { waits, connects, asked, connected };
  void begin();
  void look_at_clock();
  void try_again();
  void ask();
  void read_answer();

  const RankIdentity& me_;
  const RankFiles& files_;
  int to_;
  Clock::duration patience_;
  State state_ = State::waits;
  Socket socket_;
  RankAddress address_;  // that is called
  Arriving<AnswerMessage> answer_;
  Clock::time_point next_ = {};    // when to begin, or to give up
  Clock::time_point looked_ = {};  // at the file
};

}  // namespace hewn

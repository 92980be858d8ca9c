#pragma once
// The side of a handshake that is connected to.

#include <list>
#include <vector>

#include "core/base/clock.h"
#include "train/ranks/sockets/handshake.h"

namespace hewn {

/// Answers those that connect to a rank's socket, and keeps the ranks among them. Others, who send something else or
/// nothing, are disconnected.
class Receptionist {
 public:
  /// Somebody who sends nothing is disconnected after `patience`. The others must outlive the object.
  Receptionist(const RankIdentity& me, const RankFiles& files, Socket listener, Clock::duration patience)
      : me_(me), files_(files), listener_(std::move(listener)), patience_(patience) {}

  /// Does what is possible without waiting: adds the connections of ranks to `connections`, by rank. Throws usage if one
  /// of them was given another number of processes.
  void advance(std::vector<Socket>& connections);
  /// The sockets on which something to read is waited for.
  std::vector<int> fds() const;

 private:
  enum class Next : uint8_t { stays, leaves };
  struct Visitor {
    Socket socket;
    Clock::time_point since;
    Arriving<CallMessage> call = {};
    bool answered = false;
    Arriving<ConfirmationMessage> confirmation = {};
  };
  Next attend(Visitor& visitor, std::vector<Socket>& connections);
  Next answer(Visitor& visitor);
  bool is_for_me(const CallMessage& call) const;

  const RankIdentity& me_;
  const RankFiles& files_;
  Socket listener_;
  Clock::duration patience_;
  std::list<Visitor> visitors_;
};

}  // namespace hewn

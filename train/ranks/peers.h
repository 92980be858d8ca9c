#pragma once
// Tracks whether the other ranks are alive, and why they end.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/error.h"
#include "train/ranks/messages.h"

namespace hewn {

/// Why ranks end before their work is done.
struct RankFailure {
  ErrorCode code = ErrorCode::failed;
  std::string text;     ///< names the rank
  int rank = 0;         ///< the first rank that ended
  bool silent = false;  ///< it vanished without a message
};

/// Exchanges heartbeats with all other ranks. A rank counts as vanished if its heartbeats stop, its process
/// on the same machine is gone, or its connection is lost. All functions are called by the transport's
/// thread.
class Peers {
 public:
  /// The state of a rank, as it reports it.
  enum class State : uint8_t { works, leaves, fails };

  /// `transport` must outlive the object.
  Peers(Messages& transport, std::chrono::duration<double> timeout);
  ~Peers();

  /// Reads heartbeats, looks for vanished ranks, and periodically sends this rank's `state`, which changes at
  /// most once; `failure` gives the reason if it fails. Returns a failure if another rank has reported one or
  /// has vanished.
  std::optional<RankFailure> look(State state, const RankFailure& failure);
  /// Whether every other rank has received this state, or has ended.
  bool know(State state) const;
  /// Whether every other rank has reported that it leaves or fails, or has ended.
  bool all_end() const;
  /// Whether this rank has vanished; it may have been stopped.
  bool has_ended(int rank) const;
  /// "rank 1 (node2)", once the rank has sent its host.
  std::string name_of(int rank) const;

 private:
  struct Notice;
  struct Peer;
  std::optional<RankFailure> read(int from);
  std::optional<RankFailure> missing(int number, Clock::time_point now);
  void tell(int to, State state, const RankFailure& failure, Clock::time_point now);
  template <class Test>
  bool all(const Test& test) const;

  Messages& transport_;
  std::chrono::duration<double> timeout_;
  std::vector<std::unique_ptr<Peer>> peers_;  // by rank; null for this one
  Clock::time_point looked_ = Clock::now();
};

}  // namespace hewn

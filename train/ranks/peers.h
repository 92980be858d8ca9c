#pragma once
// What a rank knows of the others: whether they are there, and why they end.

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
  int rank = 0;         ///< the first one that ended
  bool silent = false;  ///< it did so without a word
};

/// Exchanges notices with all other ranks, at intervals. A rank that none arrive from, whose process has vanished from the
/// same machine, or whose connection is lost, has ended without a word. All functions are called by the thread that the transport belongs to.
class Peers {
 public:
  /// What a rank says about itself.
  enum class State : uint8_t { works, leaves, fails };

  /// `transport` must outlive the object.
  Peers(Messages& transport, std::chrono::duration<double> timeout);
  ~Peers();

  /// Reads notices, looks for ranks that have ended, and tells the others, when it is time, that this rank is in `state`,
  /// which changes once at most; `failure` says why if it fails. Returns a failure if another rank has told one, or has
  /// ended.
  std::optional<RankFailure> look(State state, const RankFailure& failure);
  /// Whether every other rank has been told this state, or has ended.
  bool know(State state) const;
  /// Whether every other rank has said that it leaves or fails, or has ended.
  bool all_end() const;
  /// Whether this rank has ended for the others without a word: it may have been stopped.
  bool has_ended(int rank) const;
  /// "rank 1 (node2)", once that has said where it is.
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

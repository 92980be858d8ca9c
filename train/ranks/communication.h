#pragma once
// A thread that sends and receives while the rank computes, and that detects when another rank has ended.

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "train/ranks/messages.h"
#include "train/ranks/peers.h"

namespace hewn {

/// The messages of a rank over a transport that makes progress only during calls, such as MPI: this object's
/// thread makes all calls to the transport. When a rank fails or vanishes (`Peers`), the next call on every
/// other rank throws an error that names it.
class Communication final : public Messages {
 public:
  struct Options {
    /// Within this time after a rank's end, all others have noticed and ended.
    std::chrono::duration<double> timeout{30};
    /// All ranks must be connected within this time. If the transport then still waits, uninterruptibly, for
    /// a stopped rank, `report` and `stuck` are called.
    std::chrono::duration<double> opening{30};
    /// Reports to the user why all ranks end. Called by the thread right after another rank has failed, on
    /// the first rank that still runs.
    std::function<void(const Error&)> report = {};
    /// Ends a process that computes or hangs: called by the thread if the rank has made no call for too long
    /// after another rank failed, and by the rank if the transport cannot be closed because another rank was
    /// stopped.
    std::function<void(const Error&)> stuck = {};
  };

  /// The thread calls `open`, which connects the ranks. Rethrows its exceptions.
  Communication(const std::function<std::unique_ptr<Messages>()>& open, Options options);
  /// Closes the transport unless `close` was called.
  ~Communication() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Transfer send(int to, Topic topic, std::span<const std::byte> bytes) override;
  Transfer receive(int from, Topic topic, std::span<std::byte> bytes) override;
  bool done(Transfer transfer) override;
  void rest() override;
  void check() override {
    std::unique_lock lock(mutex_);
    check(lock);
  }
  /// In order: waits until all ranks have called it, and disconnects them. Otherwise, the others treat this
  /// rank as vanished.
  void close(bool in_order) override;
  /// Makes all other ranks throw this error. Waits until they end, at most for the timeout, because a
  /// launcher kills the remaining ranks when the first one ends, before they can report. Not needed after an
  /// error thrown because of another rank's failure.
  void give_up(const Error& error);
  /// Whether a rank's failure has been reported; an error of this rank is then only a consequence.
  bool has_failed();

 private:
  enum class Goal : uint8_t { work, leave, give_up, stop };
  struct Request {
    Transfer number;
    bool sends;
    int peer;
    Topic topic;
    std::span<std::byte> bytes;
  };
  /// The rank's request, read by the thread once per iteration.
  struct Wish {
    Goal goal;
    std::optional<RankFailure> failure;
    std::vector<Request> requests;
  };

  // Called by the rank.
  void leave();
  Transfer request(bool sends, int peer, Topic topic, std::span<std::byte> bytes);
  void check(std::unique_lock<std::mutex>& lock);
  void end(std::unique_lock<std::mutex>& lock, Goal goal);

  // Called by the thread.
  void run(const std::function<std::unique_ptr<Messages>()>& open);
  void work();
  Wish wish();
  bool transfer(const Wish& wish);
  bool may_end(const Wish& wish) const;
  void fail_with(const RankFailure& failure);
  bool reports() const;
  void end_if_stuck();
  void doze(bool busy);

  Options options_;
  int rank_ = 0, size_ = 1;

  // Used by the thread only.
  std::unique_ptr<Messages> transport_;
  std::unique_ptr<Peers> peers_;
  std::vector<std::pair<Transfer, Transfer>> under_way_;  // their numbers here and in the transport
  int idle_turns_ = 0;                                    // in a row

  // Shared by both.
  std::mutex mutex_;
  std::condition_variable for_rank_, for_thread_;
  std::vector<Request> requests_;
  std::set<Transfer> finished_;  // and not queried since
  Transfer next_ = 0;
  int64_t changes_ = 0;    // number of finished transfers
  int64_t asked_at_ = -1;  // that number at the first call of `done` after `rest`; -1: no call yet
  bool rests_ = false;
  Goal goal_ = Goal::work;
  Clock::time_point wished_ = {};  // time of the last change of the goal
  std::optional<RankFailure> failure_;
  Clock::time_point failed_ = {};
  std::exception_ptr unopened_;
  bool opened_ = false, left_ = false, closed_ = false;

  std::thread thread_;
};

}  // namespace hewn

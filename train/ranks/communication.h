#pragma once
// A thread that sends and receives for a rank while it computes, and that notices when another rank has ended.

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

/// The messages of a rank over a transport that moves bytes only while it is asked for them, as MPI does: the thread of
/// this object makes all calls to the transport. When a rank fails, or ends without a word (`Peers`), all others throw an
/// error that names it from their next call.
class Communication final : public Messages {
 public:
  struct Options {
    /// Within this time of its end, a rank is missed by all others, and they have ended.
    std::chrono::duration<double> timeout{30};
    /// Within this time all ranks must be connected. The transport may wait for one that has stopped, and cannot be
    /// interrupted; then `report` and `stuck` are called.
    std::chrono::duration<double> opening{30};
    /// Reports to the user why all ranks end. Called by the thread, at once, after another rank has failed; on the first
    /// rank that has not ended itself.
    std::function<void(const Error&)> report = {};
    /// Ends the process, which computes or hangs: called by the thread if the rank has made no call for too long after
    /// another has failed; and by the rank if the transport cannot be closed, since another rank was stopped meanwhile.
    std::function<void(const Error&)> stuck = {};
  };

  /// `open` connects the ranks, and is called by the thread. Throws what it throws.
  Communication(const std::function<std::unique_ptr<Messages>()>& open, Options options);
  /// Closes it, if that was not done before.
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
  /// In order: waits until all ranks have called it, and disconnects them. Otherwise the others take this rank for one that
  /// has ended without a word.
  void close(bool in_order) override;
  /// Has all others throw this error of this rank. Waits until each of them ends as well, at most for the timeout: a
  /// launcher kills all that remain when the first has ended, and they have something to say. If another rank has failed
  /// before, the call that threw its error has done this.
  void give_up(const Error& error);
  /// Whether a rank has failed, which has been reported: an error of this one is only a consequence then.
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
  /// What the rank wants, as the thread reads it once a turn.
  struct Wish {
    Goal goal;
    std::optional<RankFailure> failure;
    std::vector<Request> requests;
  };

  // The rank's part.
  void leave();
  Transfer request(bool sends, int peer, Topic topic, std::span<std::byte> bytes);
  void check(std::unique_lock<std::mutex>& lock);
  void end(std::unique_lock<std::mutex>& lock, Goal goal);

  // The thread's part.
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

  // Of the thread.
  std::unique_ptr<Messages> transport_;
  std::unique_ptr<Peers> peers_;
  std::vector<std::pair<Transfer, Transfer>> under_way_;  // their numbers here and in the transport
  int idle_turns_ = 0;                                    // in a row

  // Of both.
  std::mutex mutex_;
  std::condition_variable for_rank_, for_thread_;
  std::vector<Request> requests_;
  std::set<Transfer> finished_;  // and not asked for since
  Transfer next_ = 0;
  int64_t changes_ = 0;    // number of times that transfers have finished
  int64_t asked_at_ = -1;  // their number when `done` was first called after `rest`; -1: it was not
  bool rests_ = false;
  Goal goal_ = Goal::work;
  Clock::time_point wished_ = {};  // since when the goal is another
  std::optional<RankFailure> failure_;
  Clock::time_point failed_ = {};
  std::exception_ptr unopened_;
  bool opened_ = false, left_ = false, closed_ = false;

  std::thread thread_;
};

}  // namespace hewn

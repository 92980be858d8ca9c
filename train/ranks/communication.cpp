#include "train/ranks/communication.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace hewn {

using namespace std::chrono_literals;

namespace {

std::thread started(const std::function<void()>& body) {
  try {
    return std::thread(body);
  } catch (const std::system_error& problem) {
    fail(ErrorCode::failed, "cannot start the thread that sends to other ranks: ", problem.code().message(),
         "; the system is out of memory, or has too many threads");
  }
}

}  // namespace

Communication::Communication(const std::function<std::unique_ptr<Messages>()>& open, Options options)
    : options_(std::move(options)), thread_(started([this, open] { run(open); })) {
  std::unique_lock lock(mutex_);
  const auto opened = [&] { return opened_; };
  if (options_.stuck && !for_rank_.wait_for(lock, options_.opening, opened)) {
    lock.unlock();
    const Error error(ErrorCode::failed,
                      join("could not reach the other ranks within ", options_.opening.count(),
                           " seconds; start all of them, or give them more time with rank_timeout"));
    if (options_.report) options_.report(error);
    options_.stuck(error);
    lock.lock();
  }
  for_rank_.wait(lock, opened);
  if (!unopened_) return;
  lock.unlock();
  thread_.join();
  std::rethrow_exception(unopened_);
}

Communication::~Communication() { close(false); }

void Communication::close(bool in_order) {
  if (in_order) return leave();
  std::unique_lock lock(mutex_);
  end(lock, Goal::stop);
}

Messages::Transfer Communication::send(int to, Topic topic, std::span<const std::byte> bytes) {
  // They are given to the transport as constant ones again.
  return request(true, to, topic, {const_cast<std::byte*>(bytes.data()), bytes.size()});
}

Messages::Transfer Communication::receive(int from, Topic topic, std::span<std::byte> bytes) {
  return request(false, from, topic, bytes);
}

Messages::Transfer Communication::request(bool sends, int peer, Topic topic, std::span<std::byte> bytes) {
  std::unique_lock lock(mutex_);
  check(lock);
  requests_.push_back({next_, sends, peer, topic, bytes});
  for_thread_.notify_one();
  return next_++;
}

bool Communication::done(Transfer transfer) {
  std::unique_lock lock(mutex_);
  check(lock);
  if (asked_at_ < 0) asked_at_ = changes_;
  return finished_.erase(transfer) > 0;
}

void Communication::rest() {
  std::unique_lock lock(mutex_);
  rests_ = true;
  for_thread_.notify_one();
  for_rank_.wait(lock, [&] { return changes_ > asked_at_ || failure_; });
  rests_ = false;
  asked_at_ = -1;
}

/// Throws if a rank has failed. Before that, the thread ends: the transport must not touch memory that those who catch
/// the error may free.
void Communication::check(std::unique_lock<std::mutex>& lock) {
  if (!failure_) return;
  end(lock, Goal::give_up);
  throw Error(failure_->code, failure_->text);
}

void Communication::end(std::unique_lock<std::mutex>& lock, Goal goal) {
  if (!thread_.joinable()) return;
  goal_ = goal;
  wished_ = Clock::now();
  for_thread_.notify_one();
  lock.unlock();
  thread_.join();
  lock.lock();
}

void Communication::leave() {
  std::unique_lock lock(mutex_);
  goal_ = Goal::leave;
  for_thread_.notify_one();
  for_rank_.wait(lock, [&] { return left_ || failure_; });
  check(lock);
  const auto closed = [&] { return closed_; };
  if (options_.stuck && !for_rank_.wait_for(lock, options_.timeout, closed)) {
    lock.unlock();
    const Error error(ErrorCode::failed,
                      join("all ranks have finished, but one of them has not disconnected within ",
                           options_.timeout.count(), " seconds"));
    if (options_.report && rank_ == 0) options_.report(error);
    options_.stuck(error);
    lock.lock();
  }
  end(lock, Goal::leave);
}

void Communication::give_up(const Error& error) {
  std::unique_lock lock(mutex_);
  if (!failure_)
    failure_ = RankFailure{error.code(), join(peers_->name_of(rank_), ": ", error.what()), rank_, false};
  end(lock, Goal::give_up);
}

bool Communication::has_failed() {
  const std::lock_guard lock(mutex_);
  return failure_.has_value();
}

void Communication::run(const std::function<std::unique_ptr<Messages>()>& open) {
  try {
    transport_ = open();
    rank_ = transport_->rank();
    size_ = transport_->size();
    peers_ = std::make_unique<Peers>(*transport_, options_.timeout);
  } catch (...) {
    unopened_ = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    opened_ = true;
    for_rank_.notify_one();
  }
  if (!unopened_) work();
}

void Communication::work() {
  try {
    for (;;) {
      const Wish now = wish();
      const bool busy = transfer(now);
      const auto state = now.goal == Goal::give_up                       ? Peers::State::fails
                         : now.goal == Goal::leave && under_way_.empty() ? Peers::State::leaves
                                                                         : Peers::State::works;
      if (const auto found = peers_->look(state, now.failure.value_or(RankFailure{}))) fail_with(*found);
      if (may_end(now)) break;
      end_if_stuck();
      doze(busy);
    }
  } catch (const Error& error) {  // of the transport
    fail_with({error.code(), join("rank ", rank_, ": ", error.what()), rank_, false});
  }
  bool in_order = false;
  {
    const std::lock_guard lock(mutex_);
    in_order = left_ = goal_ == Goal::leave && !failure_;
    for_rank_.notify_one();
  }
  transport_->close(in_order);
  const std::lock_guard lock(mutex_);
  closed_ = true;
  for_rank_.notify_one();
}

Communication::Wish Communication::wish() {
  const std::lock_guard lock(mutex_);
  return {.goal = goal_, .failure = failure_, .requests = std::exchange(requests_, {})};
}

/// Starts the transfers that are wished for, and looks which ones are done. Returns whether any are under way.
bool Communication::transfer(const Wish& wish) {
  if (wish.failure) return false;  // some will never be done
  for (const Request& r : wish.requests)
    under_way_.emplace_back(r.number, r.sends ? transport_->send(r.peer, r.topic, r.bytes)
                                              : transport_->receive(r.peer, r.topic, r.bytes));
  std::vector<Transfer> finished;
  std::erase_if(under_way_, [&](const auto& transfer) {
    if (!transport_->done(transfer.second)) return false;
    finished.push_back(transfer.first);
    return true;
  });
  if (!finished.empty() || !wish.requests.empty()) idle_turns_ = 0;
  if (finished.empty()) return !under_way_.empty();
  const std::lock_guard lock(mutex_);
  finished_.insert(finished.begin(), finished.end());
  ++changes_;
  for_rank_.notify_one();
  return true;
}

bool Communication::may_end(const Wish& wish) const {
  switch (wish.goal) {
    case Goal::work: return false;
    case Goal::leave: return peers_->know(Peers::State::leaves) && peers_->all_end();
    case Goal::give_up:
      return (peers_->know(Peers::State::fails) && peers_->all_end()) ||
             Clock::now() - wished_ > options_.timeout;
    case Goal::stop: return true;
  }
  return true;
}

void Communication::fail_with(const RankFailure& failure) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) return;
    failure_ = failure;
    failed_ = Clock::now();
    for_rank_.notify_one();
  }
  if (options_.report && reports()) options_.report(Error(failure.code, failure.text));
}

/// Whether all ranks before this one have ended without a word.
bool Communication::reports() const {
  for (int before = 0; before < rank_; ++before)
    if (!peers_->has_ended(before)) return false;
  return true;
}

void Communication::end_if_stuck() {
  std::unique_lock lock(mutex_);
  const bool noticed = !failure_ || goal_ == Goal::give_up;
  if (noticed || !options_.stuck || Clock::now() - failed_ < options_.timeout / 5) return;
  const Error error(failure_->code, failure_->text);
  lock.unlock();
  options_.stuck(error);
}

/// Leaves the core to others between two turns: for a moment while bytes move, and until the next wish otherwise.
void Communication::doze(bool busy) {
  std::unique_lock lock(mutex_);
  if (!requests_.empty()) return;
  if (!busy) {
    for_thread_.wait_for(lock, std::min<std::chrono::duration<double>>(options_.timeout / 100, 20ms));
    return;
  }
  const bool rests = rests_;
  lock.unlock();
  // While the rank waits for the transfers, nothing is more urgent; but not when they wait for another rank.
  if (rests && ++idle_turns_ < 1000)
    std::this_thread::yield();
  else
    std::this_thread::sleep_for(50us);
}

}  // namespace hewn

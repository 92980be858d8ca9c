#include "train/ranks/sockets/rendezvous.h"

#include <poll.h>

#include <algorithm>
#include <list>

#include "core/base/clock.h"
#include "core/error.h"
#include "core/io/checksum.h"
#include "train/ranks/sockets/caller.h"
#include "train/ranks/sockets/receptionist.h"
#include "train/ranks/sockets/socket_messages.h"

namespace hewn {
namespace {

using namespace std::chrono_literals;

/// "rank 3", "ranks 1, 2"
std::string names_of(const std::vector<int>& ranks) {
  return join(ranks.size() == 1 ? "rank " : "ranks ", list_text(ranks, ", "));
}

/// A process that waits for the others.
class Meeting {
 public:
  explicit Meeting(const Rendezvous& where);
  ~Meeting() { files_.remove(me_.rank, me_.token); }
  std::vector<Socket> run();

 private:
  bool is_complete() const;
  void wait() const;
  void check_own_file();
  [[noreturn]] void give_up() const;

  const Rendezvous& where_;
  RankIdentity me_;
  RankFiles files_;
  RankAddress own_;
  std::vector<Socket> connections_;  // by rank
  std::list<Caller> callers_;
  std::unique_ptr<Receptionist> receptionist_;
  Clock::time_point checked_ = {};
};

Meeting::Meeting(const Rendezvous& where)
    : where_(where),
      me_{.run = checksum(where.run),
          .attempt = where.attempt,
          .rank = where.rank,
          .size = where.size,
          .token = random_token()},
      files_(where.directory, where.run, where.attempt),
      own_{.endpoint = {.host = where.address, .port = 0}, .token = me_.token},
      connections_(static_cast<size_t>(where.size)) {
  // How long somebody who connects or answers may be silent.
  const auto patience = std::chrono::duration_cast<Clock::duration>(
      std::min<std::chrono::duration<double>>(where.timeout / 4, 5s));
  receptionist_ = std::make_unique<Receptionist>(me_, files_, listen_at(own_.endpoint), patience);
  for (int other = 0; other < me_.rank; ++other) callers_.emplace_back(me_, files_, other, patience);
}

std::vector<Socket> Meeting::run() {
  files_.write(me_.rank, own_);
  for (const auto begin = Clock::now(); !is_complete(); wait()) {
    receptionist_->advance(connections_);
    for (Caller& caller : callers_) {
      if (caller.is_connected()) continue;
      caller.advance();
      if (caller.is_connected()) connections_[static_cast<size_t>(caller.to())] = caller.take();
    }
    check_own_file();
    if (Clock::now() - begin > where_.timeout) give_up();
  }
  if (me_.rank == 0) files_.remove_earlier();
  return std::move(connections_);
}

bool Meeting::is_complete() const {
  return std::ranges::count_if(connections_, &Socket::is_open) == me_.size - 1;
}

/// Waits until something may have arrived, or until it is time to look for files again.
void Meeting::wait() const {
  if (is_complete()) return;
  std::vector<pollfd> ready;
  for (const int fd : receptionist_->fds()) ready.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  for (const Caller& caller : callers_)
    if (caller.fd() >= 0) ready.push_back({.fd = caller.fd(), .events = caller.events(), .revents = 0});
  (void)::poll(ready.data(), ready.size(), 20);
}

void Meeting::check_own_file() {
  if (Clock::now() - checked_ < 100ms) return;
  checked_ = Clock::now();
  const auto found = files_.read(me_.rank);
  require(!found || found->token == me_.token, where_.directory, ": another process was started as rank ",
          me_.rank, " of the same run (at ", found ? found->endpoint.host : "",
          "); give each process a RANK of its own");
}

void Meeting::give_up() const {
  std::vector<int> missing, silent;
  for (int other = 0; other < me_.size; ++other) {
    if (other == me_.rank || connections_[static_cast<size_t>(other)].is_open()) continue;
    (files_.read(other) ? silent : missing).push_back(other);
  }
  std::string text = join(where_.directory, ": rank ", me_.rank, " of ", me_.size, " has waited ",
                          where_.timeout.count(), " s, but ");
  if (!missing.empty())
    text += names_of(missing) + (missing.size() == 1 ? " has" : " have") + " not appeared";
  if (!silent.empty())
    text += join(missing.empty() ? "" : ", and ", names_of(silent),
                 silent.size() == 1 ? ", whose file is" : ", whose files are", " there, cannot be reached");
  fail(ErrorCode::failed, text,
       "; start all ranks with the same directory and WORLD_SIZE, on hosts whose network lets them connect, "
       "or "
       "raise rank_timeout");
}

}  // namespace

std::vector<Socket> meet(const Rendezvous& where) {
  require(where.size >= 1 && where.size <= 1024 && where.rank >= 0 && where.rank < where.size, "rank ",
          where.rank, " of ", where.size,
          "; expected a rank from 0 up to the number of processes, which is at most 1024");
  return Meeting(where).run();
}

std::unique_ptr<Messages> connect_through_files(const Rendezvous& where) {
  return std::make_unique<SocketMessages>(where.rank, meet(where));
}

}  // namespace hewn

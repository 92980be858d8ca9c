#include "train/ranks/peers.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <functional>

#include "core/io/file.h"
#include "train/ranks/agreement.h"

namespace hewn {
namespace {

using namespace std::chrono_literals;

/// Text of at most N - 1 bytes.
template <size_t N>
struct Chars {
  std::array<char, N> bytes{};
  Chars() = default;
  explicit Chars(std::string_view text) { text.copy(bytes.data(), N - 1); }
  std::string str() const { return bytes.data(); }
};

/// Where a process is: on which host, and in which of the host's spaces of process numbers, while it runs. Processes with
/// equal spaces, which are not 0, see each other by number.
struct Place {
  Chars<64> host;
  uint64_t space = 0;
  int64_t process = 0;
};

Place place_of_this_process() {
  std::array<char, 64> name{};
  Place place{.host = Chars<64>(name_of_host()), .space = 0, .process = ::getpid()};
  const ssize_t n = ::readlink("/proc/self/ns/pid", name.data(), name.size());
  try {
    const std::string boot = read_small_file("/proc/sys/kernel/random/boot_id", 64);
    if (n > 0)
      place.space = std::hash<std::string>{}(boot + std::string(name.data(), static_cast<size_t>(n)));
  } catch (const Error&) {  // a system without them
  }
  return place;
}

bool has_vanished(const Place& other, const Place& here) {
  return here.space != 0 && other.space == here.space && ::kill(static_cast<pid_t>(other.process), 0) != 0 &&
         errno == ESRCH;
}

}  // namespace

struct Peers::Notice {
  State state = State::works;
  Place place;
  // If it fails:
  ErrorCode code = ErrorCode::failed;
  int rank = 0;
  bool silent = false;
  Chars<1024> text;
};

struct Peers::Peer {
  Notice in, out;  // of the transfers under way
  std::optional<Messages::Transfer> receiving, sending;
  State state = State::works, sent = State::works;  // its own, and the last that it was sent
  Place place;
  bool ended = false;  // without a word
  Clock::time_point heard = Clock::now(), notified = {};
  std::optional<Clock::time_point> vanished;

  bool is_expected() const { return !ended && state == State::works; }
};

Peers::Peers(Messages& transport, std::chrono::duration<double> timeout)
    : transport_(transport), timeout_(timeout) {
  for (int rank = 0; rank < transport.size(); ++rank)
    peers_.push_back(rank == transport.rank() ? nullptr : std::make_unique<Peer>());
}

Peers::~Peers() = default;

std::optional<RankFailure> Peers::look(State state, const RankFailure& failure) {
  const Clock::time_point now = Clock::now();
  // If this process was stopped, it did not hear the others meanwhile.
  const bool was_stopped = now - looked_ > timeout_ / 4;
  looked_ = now;
  std::optional<RankFailure> first;
  for (int rank = 0; rank < std::ssize(peers_); ++rank) {
    Peer* const peer = peers_[static_cast<size_t>(rank)].get();
    if (!peer) continue;
    if (was_stopped) peer->heard = now;
    auto found = read(rank);
    if (!found) found = missing(rank, now);
    if (found && !first) first = std::move(found);
    tell(rank, state, failure, now);
  }
  return first;
}

/// Reads what a rank says.
std::optional<RankFailure> Peers::read(int from) {
  Peer& peer = *peers_[static_cast<size_t>(from)];
  const bool arrived = peer.receiving && transport_.done(*peer.receiving);
  if (arrived) {
    peer.receiving.reset();
    peer.heard = Clock::now();
    peer.state = peer.in.state;
    peer.place = peer.in.place;
  }
  if (!peer.receiving && peer.is_expected())
    peer.receiving = transport_.receive(from, Topic::notices, std::as_writable_bytes(std::span(&peer.in, 1)));
  if (!arrived || peer.state != State::fails) return std::nullopt;
  if (Peer* const about = peers_[static_cast<size_t>(peer.in.rank)].get(); about && peer.in.silent)
    about->ended = true;
  return RankFailure{peer.in.code, peer.in.text.str(), peer.in.rank, peer.in.silent};
}

/// Whether a rank has ended without a word.
std::optional<RankFailure> Peers::missing(int number, Clock::time_point now) {
  static const Place here = place_of_this_process();
  Peer& peer = *peers_[static_cast<size_t>(number)];
  if (!peer.is_expected()) return std::nullopt;
  const std::chrono::duration<double> silence = now - peer.heard;
  // Its last notice may still be on its way when its process has vanished.
  if (!peer.vanished && (transport_.lost(number) || has_vanished(peer.place, here))) peer.vanished = now;
  if (peer.vanished && now - *peer.vanished > 100ms) {
    peer.ended = true;
    return RankFailure{ErrorCode::failed, name_of(number) + " has ended", number, true};
  }
  if (silence < 0.8 * timeout_) return std::nullopt;
  peer.ended = true;
  return RankFailure{ErrorCode::failed,
                     join(name_of(number), " has not been heard of for ", std::lround(silence.count()), " s"),
                     number, true};
}

void Peers::tell(int to, State state, const RankFailure& failure, Clock::time_point now) {
  static const Place here = place_of_this_process();
  Peer& peer = *peers_[static_cast<size_t>(to)];
  if (peer.sending && transport_.done(*peer.sending)) {
    peer.sending.reset();
    peer.sent = peer.out.state;
  }
  const bool new_state = state != peer.out.state, due = now - peer.notified > timeout_ / 20;
  if (peer.sending || peer.ended || !(new_state || (due && state == State::works))) return;
  peer.out = {.state = state,
              .place = here,
              .code = failure.code,
              .rank = failure.rank,
              .silent = failure.silent,
              .text = Chars<1024>(failure.text)};
  peer.sending = transport_.send(to, Topic::notices, std::as_bytes(std::span(&peer.out, 1)));
  peer.notified = now;
}

template <class Test>
bool Peers::all(const Test& test) const {
  return std::all_of(peers_.begin(), peers_.end(),
                     [&](const auto& peer) { return !peer || peer->ended || test(*peer); });
}

bool Peers::know(State state) const {
  return all([&](const Peer& peer) { return peer.sent == state; });
}

bool Peers::all_end() const {
  return all([](const Peer& peer) { return peer.state != State::works; });
}

bool Peers::has_ended(int rank) const {
  const Peer* const peer = peers_[static_cast<size_t>(rank)].get();
  return peer && peer->ended;
}

std::string Peers::name_of(int rank) const {
  static const Place here = place_of_this_process();
  const Peer* const peer = peers_[static_cast<size_t>(rank)].get();
  const std::string host = (peer ? peer->place : here).host.str();
  return host.empty() ? join("rank ", rank) : join("rank ", rank, " (", host, ")");
}

}  // namespace hewn

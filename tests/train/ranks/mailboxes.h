#pragma once
// Ranks as threads of one process, for tests.

#include <algorithm>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "core/error.h"
#include "train/ranks/ranks.h"

namespace hewn::test {

/// Delivers messages as late as is allowed: in pieces, those of different ranks and topics in any order, and from the
/// sender's memory, so that a message that is changed before it was delivered arrives changed.
class Mailboxes {
 public:
  Mailboxes(int ranks, uint64_t seed, int64_t bucket_bytes = int64_t{25} << 20)
      : ranks_(ranks), bucket_bytes_(bucket_bytes), random_(seed) {}

  /// The transport of a rank, for those who want one of their own.
  class Borrowed : public Messages {
   public:
    explicit Borrowed(Messages& other) : other_(other) {}
    int rank() const override { return other_.rank(); }
    int size() const override { return other_.size(); }
    Transfer send(int to, Topic topic, std::span<const std::byte> bytes) override {
      return other_.send(to, topic, bytes);
    }
    Transfer receive(int from, Topic topic, std::span<std::byte> bytes) override {
      return other_.receive(from, topic, bytes);
    }
    bool done(Transfer transfer) override { return other_.done(transfer); }
    void close(bool in_order) override { other_.close(in_order); }

   private:
    Messages& other_;
  };

  /// Calls `body` as each rank, on threads. Throws what one of them threw.
  void run(const std::function<void(Ranks&)>& body) {
    run_each([&](Messages& box) {
      Ranks ranks(box, bucket_bytes_);
      body(ranks);
    });
  }
  /// The same with the transport.
  void run_each(const std::function<void(Messages&)>& body) {
    std::vector<std::exception_ptr> thrown(static_cast<size_t>(ranks_));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks_; ++rank)
      threads.emplace_back([&, rank] {
        try {
          Box box(*this, rank);
          body(box);
        } catch (...) {
          thrown[static_cast<size_t>(rank)] = std::current_exception();
          const std::lock_guard lock(mutex_);
          broken_ = true;
        }
      });
    for (std::thread& thread : threads) thread.join();
    for (const std::exception_ptr& error : thrown)
      if (error) std::rethrow_exception(error);
  }

  /// Bytes sent from one rank to another, of gradients and values.
  int64_t bytes_sent() const {
    return sum_of_lines([](const Key& key) { return counts(std::get<2>(key)); });
  }
  /// Bytes of gradients that this rank has sent so far.
  int64_t gradient_bytes_from(int rank) const {
    return sum_of_lines(
        [&](const Key& key) { return std::get<0>(key) == rank && std::get<2>(key) == Topic::gradients; });
  }
  /// The most messages of gradients from one rank that another has expected at once.
  int64_t most_gradients_expected() const { return most_gradients_expected_; }
  /// Bytes of the longest message of gradients or values.
  int64_t longest() const { return longest_; }

 private:
  struct Transfer {
    std::byte* to = nullptr;
    const std::byte* from = nullptr;
    size_t bytes = 0, copied = 0;
  };
  /// The transfers between two ranks about one topic, in order.
  struct Line {
    std::deque<Transfer> open;
    int64_t sends = 0, receives = 0, finished = 0;  // numbers of transfers
    int64_t bytes_sent = 0;
  };
  using Key = std::tuple<int, int, Topic>;  // from, to

  class Box final : public Messages {
   public:
    Box(Mailboxes& all, int rank) : all_(all), rank_(rank) {}
    int rank() const override { return rank_; }
    int size() const override { return all_.ranks_; }
    Messages::Transfer send(int to, Topic topic, std::span<const std::byte> bytes) override {
      return all_.post({rank_, to, topic}, bytes.data(), nullptr, bytes.size(), begun_);
    }
    Messages::Transfer receive(int from, Topic topic, std::span<std::byte> bytes) override {
      return all_.post({from, rank_, topic}, nullptr, bytes.data(), bytes.size(), begun_);
    }
    bool done(Messages::Transfer transfer) override {
      return all_.advance(begun_[static_cast<size_t>(transfer)]);
    }
    void check() override { all_.require_all(); }
    void close(bool) override { all_.cut(rank_); }

   private:
    Mailboxes& all_;
    int rank_;
    std::vector<std::pair<Key, int64_t>> begun_;
  };

  static bool counts(Topic topic) { return topic == Topic::gradients || topic == Topic::values; }

  Messages::Transfer post(const Key& key, const std::byte* from, std::byte* to, size_t bytes,
                          std::vector<std::pair<Key, int64_t>>& begun) {
    const std::lock_guard lock(mutex_);
    Line& line = lines_[key];
    const int64_t number = from || !to ? line.sends++ : line.receives++;
    while (std::ssize(line.open) <= number - line.finished) line.open.emplace_back();
    Transfer& transfer = line.open[static_cast<size_t>(number - line.finished)];
    if (to)
      transfer.to = to;
    else
      transfer.from = from, transfer.bytes = bytes, line.bytes_sent += static_cast<int64_t>(bytes);
    if (std::get<2>(key) == Topic::gradients)
      most_gradients_expected_ = std::max(most_gradients_expected_, line.receives - line.finished);
    if (!to && counts(std::get<2>(key))) longest_ = std::max(longest_, static_cast<int64_t>(bytes));
    begun.emplace_back(key, number);
    return std::ssize(begun) - 1;
  }

  /// Delivers a piece of the oldest message of the line, perhaps. Returns whether this transfer is done.
  bool advance(const std::pair<Key, int64_t>& transfer) {
    const std::lock_guard lock(mutex_);
    require_unbroken();
    Line& line = lines_[transfer.first];
    const bool cut =
        closed_.count(std::get<0>(transfer.first)) + closed_.count(std::get<1>(transfer.first)) > 0;
    if (!cut && !line.open.empty() && random_() % 2 == 0) {
      Transfer& first = line.open.front();
      if (line.finished < line.sends && line.finished < line.receives) {
        const size_t left = first.bytes - first.copied;
        const size_t piece = left < 2 || random_() % 2 == 0 ? left : 1 + random_() % left;
        std::copy_n(first.from + first.copied, piece, first.to + first.copied);
        first.copied += piece;
        if (first.copied == first.bytes) line.open.pop_front(), ++line.finished;
      }
    }
    return transfer.second < line.finished;
  }

  void require_all() {
    const std::lock_guard lock(mutex_);
    require_unbroken();
  }
  void require_unbroken() const {
    if (broken_) throw Error(ErrorCode::failed, "another rank has ended");
  }

  void cut(int rank) {
    const std::lock_guard lock(mutex_);
    closed_.insert(rank);
  }

  template <class Counts>
  int64_t sum_of_lines(const Counts& counts) const {
    const std::lock_guard lock(mutex_);
    int64_t bytes = 0;
    for (const auto& [key, line] : lines_) bytes += counts(key) ? line.bytes_sent : 0;
    return bytes;
  }

  int ranks_;
  int64_t bucket_bytes_;
  mutable std::mutex mutex_;
  std::mt19937_64 random_;
  std::map<Key, Line> lines_;
  std::set<int> closed_;
  bool broken_ = false;
  int64_t most_gradients_expected_ = 0, longest_ = 0;
};

}  // namespace hewn::test

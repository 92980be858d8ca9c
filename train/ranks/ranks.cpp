#include "train/ranks/ranks.h"

#include <algorithm>
#include <bit>
#include <deque>

#include "core/base/clock.h"
#include "core/base/not_copied.h"
#include "core/error.h"
#include "kernels/copy/op.h"
#include "kernels/devices/beside.h"
#include "train/ranks/tensors/direct.h"

namespace hewn {
namespace {

/// Adds the time that it exists to a number of seconds.
class AddedTime : NotCopied {
 public:
  explicit AddedTime(double& seconds) : seconds_(seconds) {}
  ~AddedTime() { seconds_ += seconds_since(start_); }

 private:
  double& seconds_;
  Clock::time_point start_ = Clock::now();
};

/// parts[0] = the sum of all, as a binary tree; a power of two.
void add_as_tree(const std::vector<Tensor>& parts) {
  for (size_t stride = 1; stride < parts.size(); stride *= 2)
    for (size_t i = 0; i < parts.size(); i += 2 * stride) copy_into(parts[i], parts[i + stride], Write::add);
}

}  // namespace

Ranks::Ranks(Messages& messages, int64_t bucket_bytes)
    : messages_(messages),
      bucket_bytes_(bucket_bytes),
      direct_(std::make_unique<DirectTransport>(messages)),
      tensors_(direct_.get()) {
  require(std::has_single_bit(static_cast<unsigned>(messages.size())), messages.size(),
          " ranks; expected a power of two");
}

/// Starts to exchange bytes with another rank.
void Ranks::send_and_receive(int other, Topic topic, std::span<const std::byte> mine,
                             std::span<std::byte> theirs, Transfers& transfers) {
  transfers.receive(other, topic, theirs);
  transfers.send(other, topic, mine);
  traffic_.bytes_sent += std::ssize(mine);
}

void Ranks::wait(Transfers& transfers) {
  const AddedTime time(traffic_.seconds_waited);
  transfers.wait();
}

std::vector<std::string> Ranks::gather(const std::string& mine) {
  const auto n = static_cast<size_t>(size()), me = static_cast<size_t>(rank());
  std::vector<uint64_t> sizes(n);
  sizes[me] = mine.size();
  Transfers transfers(messages_);
  for (int other = 0; other < size(); ++other) {
    if (other == rank()) continue;
    send_and_receive(other, Topic::sizes, std::as_bytes(std::span(&sizes[me], 1)),
                     std::as_writable_bytes(std::span(&sizes[static_cast<size_t>(other)], 1)), transfers);
  }
  wait(transfers);
  std::vector<std::string> all(n);
  all[me] = mine;
  for (int other = 0; other < size(); ++other) {
    if (other == rank()) continue;
    std::string& text = all[static_cast<size_t>(other)];
    text.resize(sizes[static_cast<size_t>(other)]);
    send_and_receive(other, Topic::contents, std::as_bytes(std::span(mine)),
                     std::as_writable_bytes(std::span(text)), transfers);
  }
  wait(transfers);
  return all;
}

std::vector<std::vector<double>> Ranks::gather(std::span<const double> mine) {
  std::string bytes(mine.size_bytes(), '\0');
  std::ranges::copy(std::as_bytes(mine), reinterpret_cast<std::byte*>(bytes.data()));
  std::vector<std::vector<double>> all;
  for (const std::string& text : gather(bytes)) {
    std::vector<double>& theirs = all.emplace_back(text.size() / sizeof(double));
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(theirs.data()));
  }
  return all;
}

BucketExchange Ranks::room(Device& device, DType dtype, const Slices& slices) const {
  return {.received = Tensor::empty(device, dtype, {(size() - 1) * slices.widest(rank())}),
          .parts = {},
          .exchange = nullptr};
}

std::unique_ptr<TensorExchange> Ranks::start(Topic topic, std::vector<TensorSwap> swaps) {
  for (const TensorSwap& swap : swaps) traffic_.bytes_sent += static_cast<int64_t>(swap.mine.bytes());
  return tensors_->start(topic, std::move(swaps));
}

void Ranks::wait(TensorExchange& exchange) {
  const AddedTime time(traffic_.seconds_waited);
  exchange.wait();
}

void Ranks::start(const Tensor& slab, const Slices& slices, int64_t bucket, BucketExchange& exchange) {
  const Range mine = slices.elements(bucket, rank());
  Range room{0, mine.size()};
  std::vector<TensorSwap> swaps;
  exchange.parts.clear();
  for (int other = 0; other < size(); ++other) {
    if (other == rank()) {
      exchange.parts.push_back(part_of(slab, mine));
      continue;
    }
    exchange.parts.push_back(part_of(exchange.received, room));
    swaps.push_back({.other = other,
                     .mine = part_of(slab, slices.elements(bucket, other)),
                     .theirs = exchange.parts.back()});
    room = {room.end, room.end + mine.size()};
  }
  exchange.exchange = start(Topic::gradients, std::move(swaps));
}

bool Ranks::arrived(BucketExchange& exchange) { return exchange.exchange->arrived(); }

void Ranks::finish(BucketExchange& exchange) {
  wait(*exchange.exchange);
  exchange.exchange.reset();
  const Tensor& mine = exchange.parts[static_cast<size_t>(rank())];
  const Beside beside(executor(mine.device()));
  add_as_tree(exchange.parts);
  if (rank() > 0) copy_into(mine, exchange.parts[0], Write::set);
}

void Ranks::replayed(int64_t bytes_sent) {
  traffic_.bytes_sent += bytes_sent;
  tensors_->replayed();
}

/// Starts to copy what each rank has of a tensor to all others.
template <class TensorOf>
std::unique_ptr<TensorExchange> Ranks::start_gather(const TensorOf& tensor_of) {
  const Tensor mine = tensor_of(rank());
  std::vector<TensorSwap> swaps;
  for (int other = 0; other < size(); ++other)
    if (other != rank()) swaps.push_back({.other = other, .mine = mine, .theirs = tensor_of(other)});
  return start(Topic::values, std::move(swaps));
}

std::unique_ptr<TensorExchange> Ranks::start_gather(const SlabPart& part, const Slices& slices,
                                                    int64_t bucket) {
  return start_gather([&](int owner) {
    return part_of(part.numbers, common(part.elements, slices.elements(bucket, owner)));
  });
}

/// Copies what each rank has of a number of tensors to all others.
template <class TensorOf>
void Ranks::all_gather(int64_t exchanges, const TensorOf& tensor_of) {
  if (alone()) return;
  std::deque<std::unique_ptr<TensorExchange>> under_way;
  const auto finish_first = [&] {
    wait(*under_way.front());
    under_way.pop_front();
  };
  for (int64_t i = 0; i < exchanges; ++i) {
    if (std::ssize(under_way) == tensors_->most_under_way()) finish_first();
    under_way.push_back(start_gather([&](int owner) { return tensor_of(i, owner); }));
  }
  while (!under_way.empty()) finish_first();
  join();
}

void Ranks::all_gather(Tensor slab, const Slices& slices) {
  all_gather({{.numbers = slab, .elements = {0, slab.numel()}}}, slices);
}

void Ranks::all_gather(const std::vector<SlabPart>& parts, const Slices& slices) {
  std::vector<std::pair<int64_t, SlabPart>> exchanges;  // a bucket, and a part with elements in it
  for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket)
    for (const SlabPart& part : parts)
      if (common(part.elements, slices.elements(bucket)).size() > 0) exchanges.emplace_back(bucket, part);
  all_gather(std::ssize(exchanges), [&](int64_t i, int owner) {
    const auto& [bucket, part] = exchanges[static_cast<size_t>(i)];
    return part_of(part.numbers, common(part.elements, slices.elements(bucket, owner)));
  });
  for (SlabPart part : parts) part.numbers.changed();
}

void Ranks::all_gather_blocks(Tensor numbers, const Slices& slices) {
  all_gather(slices.buckets(),
             [&](int64_t bucket, int owner) { return part_of(numbers, slices.blocks(bucket, owner)); });
  numbers.changed();
}

/// The bytes in messages of at most a bucket.
std::vector<std::span<std::byte>> Ranks::pieces_of(std::span<std::byte> bytes) const {
  const auto most = static_cast<size_t>(std::max(bucket_bytes_, norm_block));
  std::vector<std::span<std::byte>> pieces;
  for (; !bytes.empty(); bytes = bytes.subspan(pieces.back().size()))
    pieces.push_back(bytes.first(std::min(bytes.size(), most)));
  return pieces;
}

void Ranks::copy(int from, int to, std::span<std::byte> bytes) {
  if (from == to || (rank() != from && rank() != to)) return;
  for (const std::span<std::byte> piece : pieces_of(bytes)) {
    Transfers transfer(messages_);
    if (rank() == from)
      transfer.send(to, Topic::values, piece);
    else
      transfer.receive(from, Topic::values, piece);
    wait(transfer);
  }
}

// A binomial tree: with 8 ranks, 0 sends to 4, then 0 and 4 to 2 and 6, then the even ranks to the odd ones.
void Ranks::broadcast(std::span<std::byte> bytes) {
  Transfers sent(messages_);
  for (const std::span<std::byte> piece : pieces_of(bytes))
    for (int distance = size() / 2; distance > 0; distance /= 2) {
      const int place = rank() % (2 * distance);
      if (place == 0) sent.send(rank() + distance, Topic::values, piece);
      if (place != distance) continue;
      Transfers received(messages_);
      received.receive(rank() - distance, Topic::values, piece);
      wait(received);
    }
  wait(sent);
}

}  // namespace hewn

#include "core/memory.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "core/error.h"
#include "core/scope.h"

namespace hewn {
namespace {

constexpr size_t unit = 256;
#ifdef HEWN_CHECK_MEMORY
constexpr size_t fence = 256;  // canary bytes before and after each block
#else
constexpr size_t fence = 0;
#endif
constexpr uint8_t canary = 0xc5;

thread_local MemUse current_use = MemUse::activation;

constexpr size_t round_up(size_t bytes, size_t step) { return (bytes + step - 1) / step * step; }

/// The size class of `bytes` bytes, a multiple of `unit`: with 32 classes per power of two, at most a 32nd of
/// the block is left unused.
constexpr size_t class_of(size_t bytes) {
  return round_up(bytes, std::max(unit, std::bit_floor(bytes) / 32));
}

constexpr size_t reserve_bytes = size_t{1} << 20;
std::atomic<void*> reserve;
std::atomic<bool> holds_reserve;  // whether there is to be one

/// Called by `operator new`, which then tries again.
void give_reserve() {
  void* const held = reserve.exchange(nullptr);
  if (!held) throw std::bad_alloc();
  std::free(held);
}

uint8_t* user_pointer(void* raw) { return static_cast<uint8_t*>(raw) + fence; }

}  // namespace

std::string_view name_of(MemUse use) {
  constexpr std::string_view names[] = {"parameters",  "gradients", "optimizer",
                                        "activations", "scratch",   "data"};
  return names[static_cast<size_t>(use)];
}

MemUseScope::MemUseScope(MemUse use) : before_(current_use) { current_use = use; }
MemUseScope::~MemUseScope() { current_use = before_; }

void hold_reserve() {
  holds_reserve = true;
  keep_reserve();
  std::set_new_handler(give_reserve);
}

void keep_reserve() {
  if (!holds_reserve || reserve) return;
  reserve = std::malloc(reserve_bytes);
  if (!reserve) fail(ErrorCode::memory, "out of memory: not even ", reserve_bytes, " bytes are free");
}

Pool::~Pool() { trim(); }

void* Pool::allocate(size_t bytes) {
  require(bytes < (size_t{1} << 56), "allocation of ", bytes, " bytes");
  const size_t requested = std::max(unit, round_up(bytes, unit)), size = class_of(requested) + 2 * fence;
  Cached& cached = cached_[size];
  Block& block = cached.first ? *cached.first : new_block(size, cached);
  void* data = user_pointer(block.raw);
  if (tracing_) trace_.blocks.push_back(data);
  block.counted = requested + 2 * fence;
  block.tag = {current_use, count_tags_ ? Scope::current() : 0, count_tags_ ? InOp::current() : ""};
  count(block, true);
  cached.first = std::exchange(block.next_cached, nullptr);
  block.live = true;
  --n_cached_;
  if constexpr (fence > 0) {
    device_.fill(block.raw, canary, block.size);
    device_.fill(data, 0xff, bytes);
  }
  return data;
}

/// Adds a block from the system to the cache.
Pool::Block& Pool::new_block(size_t size, Cached& cached) {
  void* const raw = from_system(size);
  Block* block = nullptr;
  try {
    block = &blocks_.emplace(user_pointer(raw), Block{.raw = raw, .size = size, .counted = 0, .tag = {}})
                 .first->second;
  } catch (const std::bad_alloc&) {
    device_.raw_free(raw, size);
    throw;
  }
  stats_.reserved += size;
  stats_.peak_reserved = std::max(stats_.peak_reserved, stats_.reserved);
  ++stats_.system_calls;
  block->live = false;
  cached = {block, block};
  ++n_cached_;
  return *block;
}

/// Blocks of a running trace must stay in the cache, so the pool is not trimmed while it records one.
void* Pool::from_system(size_t size) {
  if (stats_.reserved + size > most_ && !tracing_ && n_cached_ > 0) trim();
  try {
    return device_.raw_alloc(size);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::memory || tracing_ || n_cached_ == 0) throw;
  }
  trim();
  return device_.raw_alloc(size);
}

void Pool::release(void* data) noexcept {
  const auto at = blocks_.find(data);
  if (at == blocks_.end() || !at->second.live) return;
  Block& block = at->second;
  if (fence > 0 && device_.kind() == Device::Kind::cpu) {
    const uint8_t* raw = static_cast<const uint8_t*>(block.raw);
    const auto damaged = [](uint8_t byte) { return byte != canary; };
    if (std::any_of(raw, raw + fence, damaged) ||
        std::any_of(raw + block.size - fence, raw + block.size, damaged)) {
      std::fprintf(stderr, "hewn: memory outside a block of %zu bytes (op %s) was overwritten\n", block.size,
                   block.tag.op);
      std::abort();
    }
  }
  count(block, false);
  block.live = false;
  Cached& cached = cached_.find(block.size)->second;
  (cached.first ? cached.last->next_cached : cached.first) = &block;
  cached.last = &block;
  ++n_cached_;
}

void Pool::trim() noexcept {
  for (auto at = blocks_.begin(); at != blocks_.end();) {
    const Block& block = at->second;
    if (block.live) {
      ++at;
      continue;
    }
    device_.raw_free(block.raw, block.size);
    stats_.reserved -= block.size;
    at = blocks_.erase(at);
  }
  for (auto& [size, cached] : cached_) cached = {};
  n_cached_ = 0;
  ++trims_;
}

void Pool::begin_trace() {
  require(!tracing_, "a pool can have only one trace at a time");
  tracing_ = true;
}

MemTrace Pool::end_trace() {
  std::sort(trace_.blocks.begin(), trace_.blocks.end());
  trace_.blocks.erase(std::unique(trace_.blocks.begin(), trace_.blocks.end()), trace_.blocks.end());
  trace_.trims = trims_;
  tracing_ = false;
  return std::exchange(trace_, {});
}

bool Pool::idle(const MemTrace& trace) const {
  const auto handed_out = [&](void* data) {
    const auto at = blocks_.find(data);
    return at != blocks_.end() && at->second.live;
  };
  return trace.trims == trims_ && std::none_of(trace.blocks.begin(), trace.blocks.end(), handed_out);
}

void Pool::count(const Block& block, bool add) {
  const auto change = [&](size_t& bytes) { bytes = add ? bytes + block.counted : bytes - block.counted; };
  if (count_tags_ && add) change(tags_[block.tag].live);
  if (count_tags_ && !add) {
    const auto tag = tags_.find(block.tag);  // blocks from before counting have no tag
    if (tag != tags_.end() && tag->second.live >= block.counted) change(tag->second.live);
  }
  change(stats_.live);
  change(stats_.live_by_use[static_cast<size_t>(block.tag.use)]);
  if (stats_.live <= stats_.peak) return;
  stats_.peak = stats_.live;
  std::copy(std::begin(stats_.live_by_use), std::end(stats_.live_by_use), std::begin(stats_.at_peak_by_use));
  for (auto& entry : tags_) entry.second.at_peak = entry.second.live;
}

std::vector<MemTagStats> Pool::by_tag() const {
  std::vector<MemTagStats> lines;
  for (const auto& [tag, bytes] : tags_)
    lines.push_back({tag.use, Scope::path(tag.scope), tag.op, bytes.live, bytes.at_peak});
  std::stable_sort(lines.begin(), lines.end(),
                   [](const MemTagStats& a, const MemTagStats& b) { return a.at_peak > b.at_peak; });
  return lines;
}

void Pool::reset_peak() {
  stats_.peak = stats_.live;
  stats_.peak_reserved = stats_.reserved;
  std::copy(std::begin(stats_.live_by_use), std::end(stats_.live_by_use), std::begin(stats_.at_peak_by_use));
  for (auto& entry : tags_) entry.second.at_peak = entry.second.live;
}

Storage::~Storage() {
  if (pooled) device->pool().release(data);
}

std::shared_ptr<Storage> Storage::allocate(Device& device, size_t bytes) {
  auto storage = std::make_shared<Storage>();
  storage->data = device.pool().allocate(bytes);
  storage->device = &device;
  storage->bytes = bytes;
  storage->pooled = true;
  return storage;
}

std::shared_ptr<Storage> Storage::borrow(Device& device, void* data, size_t bytes,
                                         std::shared_ptr<const void> owner) {
  auto storage = std::make_shared<Storage>();
  storage->device = &device;
  storage->data = data;
  storage->bytes = bytes;
  storage->owner = std::move(owner);
  return storage;
}

Slab::Slab(Device& device, MemUse use, const std::vector<size_t>& slice_bytes) : sizes_(slice_bytes) {
  size_t end = 0;
  for (const size_t bytes : slice_bytes) {
    offsets_.push_back(end);
    end += (bytes + alignment - 1) / alignment * alignment;
  }
  const MemUseScope purpose(use);
  whole_ = Storage::allocate(device, end);
  device.fill(whole_->data, 0, end);
}

std::shared_ptr<Storage> Slab::slice(size_t i) const {
  auto* data = static_cast<uint8_t*>(whole_->data) + offsets_.at(i);
  return Storage::borrow(*whole_->device, data, sizes_[i], whole_);
}

Device::Device() : pool_(std::make_unique<Pool>(*this)) {}
Device::~Device() = default;
void Device::drop_pool() { pool_.reset(); }

}  // namespace hewn

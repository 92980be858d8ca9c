#pragma once
// Memory: storages, the caching pool with its counters, and slabs of named slices.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/not_copied.h"
#include "core/device.h"
#include "core/shape.h"

namespace hewn {

/// The purpose of an allocation. The pool keeps a counter for each.
enum class MemUse : uint8_t { parameter, gradient, optimizer, activation, scratch, data };
inline constexpr int n_mem_uses = 6;
std::string_view name_of(MemUse use);

/// Sets the purpose of allocations during its lifetime; the default is `activation`.
class MemUseScope : NotCopied {
 public:
  explicit MemUseScope(MemUse use);
  ~MemUseScope();

 private:
  MemUse before_;
};

/// Bytes in use and bytes held, now and at their maximum since `reset_peak`. An allocation counts as its
/// requested size, rounded up to 256 bytes; the block that serves it is that of its size class. Blocks of one
/// class never serve another, so all these numbers depend only on the work, not on the order in which earlier
/// work returned its blocks.
struct MemStats {
  size_t live = 0;           ///< in use now
  size_t peak = 0;           ///< maximum of `live`
  size_t reserved = 0;       ///< obtained from the system now: blocks in use and cached blocks
  size_t peak_reserved = 0;  ///< maximum of `reserved`
  size_t system_calls = 0;   ///< allocations that no cached block could serve
  size_t live_by_use[n_mem_uses] = {};
  size_t at_peak_by_use[n_mem_uses] = {};  ///< the split of `peak`
};

/// One row of the breakdown by use, scope and operation.
struct MemTagStats {
  MemUse use;
  std::string scope, op;
  size_t live, at_peak;
};

/// The blocks allocated by a piece of work, recorded so that the work can be repeated at the same addresses.
struct MemTrace {
  std::vector<void*> blocks;
  uint64_t trims = 0;  ///< the pool's trims up to the end of the trace
};

/// Reserves some memory for code that cannot report a failed allocation, such as destructors: `operator new`
/// releases the reserve at its first failure, and `keep_reserve` then ends the program in order. A program
/// calls this once.
void hold_reserve();
/// Refills the reserve if it was used. Throws ErrorCode::memory if there is too little. Call this regularly,
/// at points where the work can end.
void keep_reserve();

/// The caching allocator of a device. Sizes are rounded up to 256 bytes and then to their size class, 32 per
/// power of two; a free block is reused only within its class. If the system is out of memory, the pool
/// returns its cached blocks and tries once more. The arithmetic is the same on every device, so that `meta`
/// predicts it exactly. Not thread-safe: all calls come from one thread.
class Pool : NotCopied {
 public:
  explicit Pool(Device& device) : device_(device) {}
  ~Pool();

  /// At least `bytes` bytes, aligned to 256, tagged with the current MemUse, Scope and operation. The memory
  /// is uninitialised; checking builds fill it with 0xff (NaN as a float) and surround it with canaries.
  void* allocate(size_t bytes);
  /// Returns a block to the cache, without allocating. In checking builds, a damaged canary aborts the program.
  void release(void* data) noexcept;
  /// Returns all cached blocks to the system.
  void trim() noexcept;
  /// Returns cached blocks to the system before the memory obtained from it would exceed `bytes`. Without
  /// this limit, work on tensors of many sizes keeps blocks of every size.
  void keep_within(size_t bytes) { most_ = bytes; }
  /// Starts to record the blocks that `allocate` returns, until `end_trace`.
  void begin_trace();
  MemTrace end_trace();
  /// Whether all blocks of a trace are in the cache, so that the work can use them again.
  bool idle(const MemTrace& trace) const;
  const MemStats& stats() const { return stats_; }
  /// Live and at-peak bytes per (use, scope, op), largest first.
  std::vector<MemTagStats> by_tag() const;
  /// Restarts the peaks from the bytes in use now.
  void reset_peak();
  /// Counting by tag has a small cost; off unless a tool turns it on.
  void count_tags(bool on) { count_tags_ = on; }

 private:
  struct Tag {
    MemUse use;
    int scope;
    const char* op;
    auto operator<=>(const Tag&) const = default;
  };
  struct Block {
    void* raw;
    size_t size;     ///< bytes obtained from the system: those of the size class
    size_t counted;  ///< bytes requested, rounded up likewise; at most `size`
    Tag tag;
    bool live = true;              ///< in use, not in the cache
    Block* next_cached = nullptr;  ///< in the list of its size class
  };
  /// The cached blocks of one size class, linked through `next_cached`: first in, first out.
  struct Cached {
    Block *first = nullptr, *last = nullptr;
  };
  struct TagCount {
    size_t live = 0, at_peak = 0;
  };
  Block& new_block(size_t size, Cached& cached);
  void* from_system(size_t size);
  void count(const Block& block, bool add);

  Device& device_;
  std::unordered_map<void*, Block> blocks_;    ///< by the address that `allocate` returns
  std::unordered_map<size_t, Cached> cached_;  ///< by size
  size_t n_cached_ = 0;
  std::map<Tag, TagCount> tags_;
  MemStats stats_;
  MemTrace trace_;
  uint64_t trims_ = 0;
  size_t most_ = SIZE_MAX;  ///< bytes, cached ones included
  bool count_tags_ = false, tracing_ = false;
};

struct Storage;

/// Fills storages in the background.
class Arrival {
 public:
  virtual ~Arrival() = default;
  /// Returns once `storage` is completely written; `storage` then no longer refers to this object.
  virtual void await(Storage& storage) = 0;
};

/// A range of bytes on a device, shared by every tensor and view that uses it.
struct Storage : NotCopied {
  Device* device = nullptr;
  void* data = nullptr;
  size_t bytes = 0;
  uint64_t version = 0;               ///< counts in-place changes, which invalidate values saved by the tape
  bool pooled = false;                ///< whether `data` goes back to the device's pool
  std::shared_ptr<const void> owner;  ///< keeps foreign or enclosing memory alive
  const char* name = nullptr;         ///< of a constant, for tools: "tokens"; lives as long as the program
  Arrival* arrival = nullptr;         ///< the transfer that still writes to it; null if none

  Storage() = default;
  ~Storage();

  /// Waits for pending transfers, then returns `data`.
  void* arrived() {
    if (arrival) arrival->await(*this);
    return data;
  }

  /// From the device's pool.
  static std::shared_ptr<Storage> allocate(Device& device, size_t bytes);
  /// Memory that belongs to `owner`: a slice of a slab, a mapped file.
  static std::shared_ptr<Storage> borrow(Device& device, void* data, size_t bytes,
                                         std::shared_ptr<const void> owner);
};

/// One long buffer with named slices at multiples of 256 bytes, zero-filled, so that one kernel call can
/// sweep over all of them: parameters, gradients, moments. The gaps stay zero.
class Slab {
 public:
  static constexpr size_t alignment = 256;

  /// Lays out slices of these byte sizes and allocates them as one.
  Slab(Device& device, MemUse use, const std::vector<size_t>& slice_bytes);

  /// Storage of slice i, with its own version.
  std::shared_ptr<Storage> slice(size_t i) const;
  /// Of all slices and gaps.
  const std::shared_ptr<Storage>& storage() const { return whole_; }
  /// Bytes from the slab's start to slice i.
  size_t offset(size_t i) const { return offsets_.at(i); }
  void* data() const { return whole_->data; }
  /// Length with all gaps.
  size_t bytes() const { return whole_->bytes; }

 private:
  std::shared_ptr<Storage> whole_;
  std::vector<size_t> offsets_, sizes_;
};

}  // namespace hewn

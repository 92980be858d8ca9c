#pragma once
// Memory: storages, the caching pool with its counters, and slabs of named slices.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/device.h"
#include "core/shape.h"

namespace hewn {

/// What bytes are for; counters are kept per use.
enum class MemUse : uint8_t { parameter, gradient, optimizer, activation, scratch, data };
inline constexpr int n_mem_uses = 6;
std::string_view name_of(MemUse use);

/// Makes `use` the purpose of allocations for a while; outside, they are activations.
class MemUseScope {
 public:
  explicit MemUseScope(MemUse use);
  ~MemUseScope();
  MemUseScope(const MemUseScope&) = delete;
  MemUseScope& operator=(const MemUseScope&) = delete;
  static MemUse current();

 private:
  MemUse before_;
};

/// Bytes handed out and bytes held, now and at the highest point since `reset_peak`. An allocation counts with
/// the bytes asked for, rounded up to 256, even if a larger block serves it. So `live` and `peak` depend only on
/// the work, `reserved` and `peak_reserved` also on what was cached before it.
struct MemStats {
  size_t live = 0;           ///< handed out now
  size_t peak = 0;           ///< maximum of `live`
  size_t reserved = 0;       ///< taken from the system now: blocks in use and cached blocks
  size_t peak_reserved = 0;  ///< maximum of `reserved`
  size_t system_calls = 0;   ///< times the system was asked
  size_t live_by_use[n_mem_uses] = {};
  size_t at_peak_by_use[n_mem_uses] = {};  ///< the split of `peak`
};

/// One line of the breakdown by use, scope and operation.
struct MemTagStats {
  MemUse use;
  std::string scope, op;
  size_t live, at_peak;
};

/// The blocks that some work was handed, for one who wants to do it again with the very same addresses.
struct MemTrace {
  std::vector<void*> blocks;
  uint64_t trims = 0;  ///< of the pool, until then
};

/// Caching allocator of one device. Sizes are rounded to 256 bytes; a free block is reused when it is at most
/// a quarter larger than asked. When the system has no more, cached blocks go back to it before it is asked
/// once again. The arithmetic is the same on every device, so that `meta` predicts it exactly. Used from one
/// thread.
class Pool {
 public:
  explicit Pool(Device& device) : device_(device) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// At least `bytes` bytes, aligned to 256, tagged with the current MemUse, Scope and operation.
  /// Uninitialised; filled with 0xff (NaN as a float) and fenced by canaries in checking builds.
  void* allocate(size_t bytes);
  /// Gives a block back to the cache. A damaged canary aborts the program in checking builds.
  void release(void* data) noexcept;
  /// Returns all cached blocks to the system.
  void trim() noexcept;
  /// From here to `end_trace`, notes the blocks that are handed out.
  void begin_trace();
  MemTrace end_trace();
  /// Whether all blocks of a trace are in the cache, so that the work may use them without disturbing anyone.
  bool idle(const MemTrace& trace) const;
  const MemStats& stats() const { return stats_; }
  /// Live and at-peak bytes per (use, scope, op), largest first.
  std::vector<MemTagStats> by_tag() const;
  /// Forgets the peaks: they become what is live now.
  void reset_peak();
  /// Per-tag counting costs a little; off unless a tool wants it.
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
    size_t size;     ///< bytes from the system, a multiple of 256
    size_t counted;  ///< bytes asked for, likewise; at most size
    Tag tag;
  };
  struct TagCount {
    size_t live = 0, at_peak = 0;
  };
  void* from_system(size_t size);
  void count(const Block& block, bool add);

  Device& device_;
  std::unordered_map<void*, Block> live_;
  std::multimap<size_t, void*> free_;
  std::map<Tag, TagCount> tags_;
  MemStats stats_;
  MemTrace trace_;
  uint64_t trims_ = 0;
  bool count_tags_ = false, tracing_ = false;
};

/// A range of bytes on a device, shared by every tensor and view that uses it.
struct Storage {
  Device* device = nullptr;
  void* data = nullptr;
  size_t bytes = 0;
  uint64_t version = 0;  ///< counts in-place changes; what the tape saved must not have changed since
  bool pooled = false;   ///< whether `data` goes back to the device's pool
  std::shared_ptr<const void> owner;  ///< keeps foreign or enclosing memory alive

  Storage() = default;
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

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

  /// Storage of slice i, with a version of its own.
  std::shared_ptr<Storage> slice(size_t i) const;
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

#include "model/weights/large_pages.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/memory.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

/// What a tensor takes in the block, in whole cache lines.
size_t padded(const TensorEntry& entry) { return (entry.bytes + 63) / 64 * 64; }

/// Copies bytes on several threads, which obtain the pages that they write to.
void copy_bytes(const Launch& launch, const void* from, void* to, size_t bytes) {
  constexpr int64_t piece = int64_t{1} << 20;
  const auto all = static_cast<int64_t>(bytes);
  parallel_for(launch, blocks_of(all, piece), [&](int64_t begin, int64_t end, int) {
    const int64_t first = begin * piece, size = std::min(end * piece, all) - first;
    std::memcpy(static_cast<char*>(to) + first, static_cast<const char*>(from) + first,
                static_cast<size_t>(size));
  });
}

}  // namespace

std::shared_ptr<const NamedTensors> in_large_pages(const std::shared_ptr<const NamedTensors>& file,
                                                   Device& device,
                                                   const std::function<bool(const TensorEntry&)>& often,
                                                   size_t available) {
  if (device.kind() != Device::Kind::cpu) return file;
  std::vector<TensorEntry> entries;
  size_t bytes = 0;
  file->each([&](const TensorEntry& entry) {
    entries.push_back(entry);
    if (often(entry)) bytes += padded(entry);
  });
  if (bytes == 0 || bytes + bytes / 4 > available) return file;
  const std::shared_ptr<Storage> block = Storage::allocate(device, bytes);
  auto* to = static_cast<char*>(block->data);
  for (TensorEntry& entry : entries) {
    if (!often(entry)) continue;
    copy_bytes({.threads = executor(device).threads()}, entry.data, to, entry.bytes);
    entry.data = std::exchange(to, to + padded(entry));
  }
  return std::make_shared<TensorList>(std::move(entries), block);
}

bool blocks_are_finite(const BlockFormat& format, const void* blocks, int64_t n) {
  const auto* block = static_cast<const uint8_t*>(blocks);
  const auto is_finite = [](const uint8_t* half) {
    constexpr uint16_t exponent = 0x7c00;
    uint16_t bits;
    std::memcpy(&bits, half, sizeof bits);
    return (bits & exponent) != exponent;
  };
  bool finite = true;
  for (int64_t i = 0; i < n; i += format.elements, block += format.bytes) {
    const uint8_t* scale = block + format.scale_at;
    finite = finite && is_finite(scale) && (!format.offsets || is_finite(scale + 2));
  }
  return finite;
}

void widen_blocks(const BlockFormat& format, const void* blocks, int64_t n, float* out) {
  const auto* block = static_cast<const uint8_t*>(blocks);
  OpenBlock open;
  for (int64_t begin = 0; begin < n; begin += format.elements, block += format.bytes) {
    format.open(block, open);
    widen_block(format, open, out + begin);
  }
}

}  // namespace hewn

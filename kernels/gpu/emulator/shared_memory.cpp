#include "kernels/gpu/emulator/shared_memory.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/gpu/emulator/emulator.h"

namespace hewn::emulator {
namespace {

constexpr uint8_t poison = 0xff;  // NaN as a float and as bf16
constexpr uint8_t canary = 0xc5;
constexpr size_t fence = 256;     // canary bytes before and after each piece; also the alignment of pieces
constexpr size_t alignment = 16;  // of static pieces on a GPU
constexpr size_t most_pieces = 32;

constexpr size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

size_t SharedMemory::Piece::end() const { return rounded(offset + bytes, fence) + fence; }

void SharedMemory::begin(const Grid& grid, size_t limit) {
  opted_in_ = opts_in(grid);
  limit_ = limit;
  memory_.resize(
      std::max(memory_.size(), grid.shared_bytes + shared_without_opt_in + (most_pieces + 2) * 2 * fence));
  base_ = memory_.data() + (fence - reinterpret_cast<uintptr_t>(memory_.data()) % fence) % fence;
  pieces_.clear();
  std::memset(base_, canary, fence);
  add(nullptr, grid.shared_bytes);
}

void* SharedMemory::add(const void* key, size_t bytes) {
  const size_t offset = pieces_.empty() ? fence : pieces_.back().end();
  pieces_.push_back({key, offset, bytes});
  std::memset(base_ + offset, poison, bytes);
  std::memset(base_ + offset + bytes, canary, pieces_.back().end() - offset - bytes);
  return base_ + offset;
}

void* SharedMemory::piece(const void* key, size_t bytes) {
  for (const Piece& piece : pieces_)
    if (piece.key == key) return base_ + piece.offset;
  check_limits(bytes);
  return add(key, bytes);
}

/// Whether `more` bytes of static memory may be declared.
void SharedMemory::check_limits(size_t more) const {
  const auto refuse = [](auto... parts) {
    std::string why;
    ((why += parts), ...);
    kernel_failed(why.c_str());
  };
  size_t used = rounded(more, alignment);
  for (const Piece& piece : pieces_)
    if (piece.key) used += rounded(piece.bytes, alignment);
  if (dynamic_bytes() > 0) used = rounded(used, dynamic_shared_alignment);
  const size_t all = used + dynamic_bytes();
  if (used > shared_without_opt_in || pieces_.size() > most_pieces)
    refuse(std::to_string(used), " bytes of static shared memory are declared; at most ",
           std::to_string(shared_without_opt_in), " are allowed, more only as dynamic shared memory");
  if (!opted_in_ && all > shared_without_opt_in)
    refuse(std::to_string(used), " bytes of static and ", std::to_string(dynamic_bytes()),
           " bytes of dynamic shared memory are used; a launch without the opt-in for more has ",
           std::to_string(shared_without_opt_in));
  if (all > limit_)
    refuse(std::to_string(all), " bytes of shared memory are used; a block has ", std::to_string(limit_));
}

void SharedMemory::end() const {
  const auto damaged = [](uint8_t byte) { return byte != canary; };
  for (const Piece& piece : pieces_)
    if (std::any_of(base_ + piece.offset + piece.bytes, base_ + piece.end(), damaged) ||
        std::any_of(base_ + piece.offset - fence, base_ + piece.offset, damaged))
      kernel_failed(("wrote outside its " + std::to_string(piece.bytes) + " bytes of " +
                     (piece.key ? "" : "dynamic ") + "shared memory")
                        .c_str());
}

}  // namespace hewn::emulator

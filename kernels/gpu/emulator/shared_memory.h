#pragma once
// The shared memory of the running block: the emulator's allocator, with the limits of a GPU.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/gpu/simt/grid.h"

namespace hewn::emulator {

/// Pieces of shared memory, filled with NaN and fenced by canary bytes: one dynamic, of the size given at the launch,
/// and one for each static declaration. Errors end the kernel.
class SharedMemory {
 public:
  /// A new block of this launch begins.
  void begin(const Grid& grid, size_t limit);
  /// The static piece of this key, the same at every call.
  void* piece(const void* key, size_t bytes);
  void* dynamic() { return base_ + pieces_.front().offset; }
  size_t dynamic_bytes() const { return pieces_.front().bytes; }
  /// The block has ended: checks the fences.
  void end() const;

 private:
  struct Piece {
    const void* key;  ///< null: the dynamic piece
    size_t offset, bytes;
    size_t end() const;
  };
  void check_limits(size_t more) const;
  void* add(const void* key, size_t bytes);

  bool opted_in_ = false;
  size_t limit_ = 0;
  std::vector<Piece> pieces_;    ///< the first is the dynamic one
  std::vector<uint8_t> memory_;  ///< holds the pieces, from base_ on
  uint8_t* base_ = nullptr;
};

}  // namespace hewn::emulator

#pragma once
// The sixteen hardware barriers of the running block, except for number 0, which is __syncthreads.

#include <array>
#include <cstddef>
#include <cstdint>

namespace hewn::emulator {

/// Counts arriving threads, by whole warps. Errors end the kernel.
class NamedBarriers {
 public:
  /// A warp arrives at a barrier for this many threads. Returns the round that it takes part in.
  uint64_t arrive(int id, int threads);
  /// Whether all threads of the round have arrived.
  bool over(int id, uint64_t round) const { return of(id).rounds > round; }
  /// The block has ended: no barrier may still wait for threads.
  void end() const;

 private:
  struct Barrier {
    int threads = 0, arrived = 0;
    uint64_t rounds = 0;  ///< completed
  };
  const Barrier& of(int id) const { return barriers_[static_cast<size_t>(id)]; }
  std::array<Barrier, 16> barriers_{};
};

}  // namespace hewn::emulator

#include "kernels/gpu/emulator/named_barriers.h"

#include <string>

#include "kernels/gpu/emulator/emulator.h"

namespace hewn::emulator {
namespace {

[[noreturn]] void refuse(int id, const std::string& why) {
  kernel_failed(("named barrier " + std::to_string(id) + ": " + why).c_str());
}

}  // namespace

uint64_t NamedBarriers::arrive(int id, int threads) {
  if (id < 1 || id > 15) refuse(id, "barriers 1 to 15 are available; 0 is __syncthreads");
  if (threads < 32 || threads > 1024 || threads % 32 != 0)
    refuse(id, std::to_string(threads) + " threads are not one to 32 whole warps");
  Barrier& b = barriers_[static_cast<size_t>(id)];
  if (b.arrived > 0 && b.threads != threads)
    refuse(id, "a warp arrives for " + std::to_string(threads) + " threads, a previous one for " +
                   std::to_string(b.threads));
  const uint64_t round = b.rounds;
  b.threads = threads;
  b.arrived += 32;
  if (b.arrived == threads) b.arrived = 0, ++b.rounds;
  return round;
}

void NamedBarriers::end() const {
  for (int id = 1; id < 16; ++id)
    if (of(id).arrived > 0)
      refuse(id, "the block ends when " + std::to_string(of(id).arrived) + " of " +
                     std::to_string(of(id).threads) + " threads have arrived");
}

}  // namespace hewn::emulator

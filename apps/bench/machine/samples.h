#pragma once
// `hewn bench kernels --asm`: samples the program counter of a thread while it works.

#include <cstdint>
#include <functional>
#include <vector>

namespace hewn::cli {

/// Runs `work` repeatedly for about 0.3 seconds, at least twice, and interrupts the calling thread every 50
/// to 100 microseconds (depending on the system) to record its address. Returns the addresses in the order of
/// recording. Throws if the system has no timer.
std::vector<uintptr_t> sample_addresses(const std::function<void()>& work);

}  // namespace hewn::cli

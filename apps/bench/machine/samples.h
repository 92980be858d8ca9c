#pragma once
// `hewn bench kernels --asm`: samples the position of a thread while it works.

#include <cstdint>
#include <functional>
#include <vector>

namespace hewn::cli {

/// Runs `work` repeatedly for about 0.3 seconds, at least twice, and interrupts the calling thread every 50
/// to 100 microseconds (as the system allows) to record its address. In the order taken. Fails if the system
/// has no timer.
std::vector<uintptr_t> sample_addresses(const std::function<void()>& work);

}  // namespace hewn::cli

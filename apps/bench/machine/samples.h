#pragma once
// `hewn bench kernels --asm`: where a thread is, looked at again and again while it works.

#include <cstdint>
#include <functional>
#include <vector>

namespace hewn::cli {

/// Runs `work` again and again for about 0.3 seconds, at least twice, and interrupts the calling thread every
/// 50 to 100 microseconds (as often as the system does) to note the address it is at. In the order taken.
/// Fails where the system gives no timer.
std::vector<uintptr_t> sample_addresses(const std::function<void()>& work);

}  // namespace hewn::cli

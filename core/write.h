#pragma once

#include <cstdint>

namespace hewn {

/// Whether a kernel overwrites an output or adds to it. The caller states it; kernels never infer it.
enum class Write : uint8_t { set, add };

}  // namespace hewn

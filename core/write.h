#pragma once

#include <cstdint>

namespace hewn {

/// Whether a kernel overwrites an output or adds to it. Gradients are told, they never guess.
enum class Write : uint8_t { set, add };

}  // namespace hewn

#pragma once
// The 16-bit floats as kernels store them: plain structs, since types with constructors cannot be placed in shared
// memory.

#include <cstdint>

namespace hewn {

struct bf16 {
  uint16_t bits;
};

struct f16 {
  uint16_t bits;
};

}  // namespace hewn

#pragma once
// The 16-bit floats as storage in kernels: plain structs, since ones with constructors cannot stand in shared
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

#pragma once
// Types and sizes of kernel parameters, for both builds.

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/gpu/simt/limits.h"

namespace hewn {

/// V, or const V if T is const.
template <class T, class V>
using SameConst = std::conditional_t<std::is_const_v<T>, const V, V>;

/// Bytes of a kernel's parameters of these types, each at a multiple of its alignment.
template <class... P>
constexpr size_t parameter_bytes() {
  size_t bytes = 0;
  ((bytes = (bytes + alignof(P) - 1) / alignof(P) * alignof(P) + sizeof(P)), ...);
  return bytes;
}

/// Whether a kernel can have parameters of these types on every GPU and driver.
template <class... P>
concept FitAsParameters = parameter_bytes<P...>()
<= most_parameters;

/// The 16-bit floats as kernels store them: plain structs, since types with constructors cannot be placed in shared
/// memory.
struct bf16 {
  uint16_t bits;
};

struct f16 {
  uint16_t bits;
};

}  // namespace hewn

#pragma once
// Conversion of one element of any type to double and back: exact for every type except i64 beyond 2^53.

#include <limits>
#include <type_traits>

#include "core/dtype.h"

namespace hewn {

template <class T>
double to_double(T v) {
  if constexpr (std::is_arithmetic_v<T>)
    return static_cast<double>(v);
  else
    return static_cast<double>(static_cast<float>(v));
}

template <class T>
T from_double(double v) {
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<T>(v);
  } else if constexpr (!std::is_arithmetic_v<T>) {
    return T(static_cast<float>(v));
  } else {
    using Limits = std::numeric_limits<T>;
    if (v != v) return 0;
    if (v >= static_cast<double>(Limits::max())) return Limits::max();
    if (v <= static_cast<double>(Limits::min())) return Limits::min();
    return static_cast<T>(v);
  }
}

/// Calls f with a value of the C++ type of t.
template <class F>
void with_type(DType t, F f) {
  switch (t) {
    case DType::f64: return f(double{});
    case DType::f32: return f(float{});
    case DType::bf16: return f(BFloat16{});
    case DType::f16: return f(Float16{});
    case DType::i64: return f(int64_t{});
    case DType::i32: return f(int32_t{});
    case DType::u16: return f(uint16_t{});
    case DType::i8: return f(int8_t{});
    case DType::u8: return f(uint8_t{});
  }
}

}  // namespace hewn

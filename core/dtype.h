#pragma once
// Element types, and the two 16-bit floats as storage types (gcc 12 and clang 14 have no usable __bf16).

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hewn {

enum class DType : uint8_t { f64, f32, bf16, f16, i64, i32, u16, i8, u8 };

/// Bytes of one element.
constexpr size_t size_of(DType t) {
  switch (t) {
    case DType::f64:
    case DType::i64: return 8;
    case DType::f32:
    case DType::i32: return 4;
    case DType::bf16:
    case DType::f16:
    case DType::u16: return 2;
    case DType::i8:
    case DType::u8: return 1;
  }
  return 0;
}

/// Whether gradients can flow through values of this type.
constexpr bool is_float(DType t) { return t <= DType::f16; }

/// "f32", "i64", ...
std::string_view name_of(DType t);

/// The inverse of `name_of`; also accepts the long names of nanoGPT and PyTorch ("float32", "bfloat16",
/// "float64"). Throws ErrorCode::usage with the list of names.
DType dtype_from_name(std::string_view name);

/// bfloat16: the upper half of a float32. Rounds to nearest even; NaN stays NaN.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float x) {
    const uint32_t u = std::bit_cast<uint32_t>(x);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(nan ? (u >> 16 | 0x40u) : (u + 0x7fffu + (u >> 16 & 1u)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

/// IEEE 754 binary16. Rounds to nearest even; overflow becomes infinity; subnormals are kept.
struct Float16 {
  uint16_t bits = 0;
  Float16() = default;
  explicit Float16(float x);
  explicit operator float() const;
};

/// The DType of a C++ type: `dtype_of<float> == DType::f32`.
template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0, "no DType for this C++ type");
  return DType::u8;
}();
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<BFloat16> = DType::bf16;
template <>
inline constexpr DType dtype_of<Float16> = DType::f16;
template <>
inline constexpr DType dtype_of<int64_t> = DType::i64;
template <>
inline constexpr DType dtype_of<int32_t> = DType::i32;
template <>
inline constexpr DType dtype_of<uint16_t> = DType::u16;
template <>
inline constexpr DType dtype_of<int8_t> = DType::i8;
template <>
inline constexpr DType dtype_of<uint8_t> = DType::u8;

}  // namespace hewn

#include "core/dtype.h"

#include "core/error.h"

namespace hewn {
namespace {

struct Name {
  DType type;
  std::string_view name, long_name;
};

constexpr Name dtype_names[] = {
    {DType::f64, "f64", "float64"}, {DType::f32, "f32", "float32"}, {DType::bf16, "bf16", "bfloat16"},
    {DType::f16, "f16", "float16"}, {DType::i64, "i64", "int64"},   {DType::i32, "i32", "int32"},
    {DType::u16, "u16", "uint16"},  {DType::i8, "i8", "int8"},      {DType::u8, "u8", "uint8"}};

}  // namespace

std::string_view name_of(DType t) { return dtype_names[static_cast<size_t>(t)].name; }

DType dtype_from_name(std::string_view name) {
  for (const Name& n : dtype_names)
    if (name == n.name || name == n.long_name) return n.type;
  fail(ErrorCode::usage, "unknown dtype \"", name, "\"; expected one of ",
       list_text(dtype_names, ", ", &Name::name));
}

Float16::Float16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  const uint32_t sign = u >> 16 & 0x8000u, magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) {
    bits = static_cast<uint16_t>(sign | 0x7e00u);
  } else if (magnitude >= 0x477ff000u) {  // 65520 and above round to infinity
    bits = static_cast<uint16_t>(sign | 0x7c00u);
  } else if (magnitude < 0x38800000u) {  // below 2^-14: subnormal, a multiple of 2^-24; adding 0.5 rounds it
    const float aligned = std::bit_cast<float>(magnitude) + 0.5f;
    bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(aligned) - std::bit_cast<uint32_t>(0.5f)));
  } else {
    bits = static_cast<uint16_t>(sign | (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13);
  }
}

Float16::operator float() const {
  const uint32_t sign = (bits & 0x8000u) << 16, exponent = bits >> 10 & 0x1fu, fraction = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | fraction << 13);
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  return std::bit_cast<float>(sign | (exponent + 112u) << 23 | fraction << 13);
}

}  // namespace hewn

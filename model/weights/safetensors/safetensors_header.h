#pragma once
// The header of a safetensors file, as text and as data. Only the reader and the writer use this file.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/weights/safetensors/safetensors.h"

namespace hewn::safetensors {

inline constexpr size_t length_bytes = 8;
inline constexpr size_t max_header_bytes = 100'000'000;  // the format's limit

/// One tensor as the header describes it.
struct HeaderEntry {
  std::string name;
  std::string type;  ///< "F32"
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;  ///< bytes from the start of the data
};

struct Header {
  std::vector<HeaderEntry> tensors;  ///< in the order of the text, names unique
  Metadata metadata;
};

/// Parses the JSON. Checks its form, not whether sizes fit. Throws ErrorCode::input with found and expected
/// values.
Header parse_header(std::string_view json);

/// A type of the format: its bytes per element, and the corresponding DType if there is one.
struct Type {
  std::string_view name;
  size_t size;
  std::optional<DType> dtype;
};

/// nullptr if the format has no such type.
const Type* find_type(std::string_view name);
std::string_view type_name(DType dtype);
/// "F64, F32, ...": the types that have a DType.
std::string supported_types();

/// The name in quotes, escaped and shortened for a message.
std::string in_quotes(std::string_view name);

/// a * b; empty if it overflows.
inline std::optional<uint64_t> multiply(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

}  // namespace hewn::safetensors

#pragma once
// Type numbers in GGUF files. Only the reader and the writer use this header.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/dtype.h"
#include "model/weights/large_pages.h"

namespace hewn::gguf {

inline constexpr std::string_view magic = "GGUF";
inline constexpr uint32_t version = 3;
inline constexpr uint64_t usual_alignment = 32;
inline constexpr uint32_t most_dimensions = 4;

/// Types of values.
enum class ValueType : uint32_t {
  u8 = 0,
  i8 = 1,
  u16 = 2,
  i16 = 3,
  u32 = 4,
  i32 = 5,
  f32 = 6,
  boolean = 7,
  text = 8,
  list = 9,
  u64 = 10,
  i64 = 11,
  f64 = 12
};

/// Types of tensors (ggml.h, ggml_type); those with neither DType nor blocks are not supported.
struct TensorType {
  uint32_t number;
  std::string_view name;
  std::optional<DType> dtype = {};
  std::optional<BlockType> blocks = {};

  bool supported() const { return dtype || blocks; }
  /// The elements and bytes of a unit; a row consists of whole units. Supported types only.
  int64_t elements() const { return blocks ? format_of(*blocks).elements : 1; }
  int64_t bytes() const { return blocks ? format_of(*blocks).bytes : static_cast<int64_t>(size_of(*dtype)); }
};

/// nullptr for an unknown number.
const TensorType* find_tensor_type(uint32_t number);
/// nullptr for a DType without a number in the format.
const TensorType* find_tensor_type(DType dtype);
const TensorType* find_tensor_type(BlockType blocks);

}  // namespace hewn::gguf

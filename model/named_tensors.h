#pragma once
// Named tensors of a file in any format, as its reader provides them. Independent of `Tensor`: only names,
// shapes and pointers.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "kernels/qmatmul/blocks.h"

namespace hewn {

/// The name of q8_0 with one scale per row.
inline constexpr std::string_view dynamic_q8 = "dynamic_q8";

/// One tensor of a file.
struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape = {};  ///< outermost first; empty for a single number
  const void* data = nullptr;       ///< row-major; possibly unaligned in other programs' files
  size_t bytes = 0;                 ///< as implied by shape and type
  /// Of quantised tensors: the format of the blocks in each row; dtype is then f32, the type of the decoded
  /// values.
  std::optional<BlockType> blocks = {};
  /// Of q8_0: all blocks of a row share one scale, and products also quantise each input row with one scale
  /// (classic dynamic quantisation).
  bool one_scale = false;

  int64_t elements() const {
    return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  }
  /// "f32", or "q4_k" for quantised values.
  std::string_view type_name() const {
    return one_scale ? dynamic_q8 : blocks ? format_of(*blocks).name : name_of(dtype);
  }
};

/// Tensors found by name. Their values live as long as this object; those of a mapped file are read when accessed.
class NamedTensors {
 public:
  virtual ~NamedTensors() = default;
  /// nullptr if there is no tensor with this name.
  virtual const TensorEntry* find(std::string_view name) const = 0;
  /// Visits all tensors, in an order chosen by the reader.
  virtual void each(const std::function<void(const TensorEntry&)>& use) const = 0;
};

/// A list of tensors in memory owned by `owner`, such as a mapped file.
class TensorList final : public NamedTensors {
 public:
  /// Throws ErrorCode::input if a name occurs twice.
  TensorList(std::vector<TensorEntry> entries, std::shared_ptr<const void> owner);
  const TensorEntry* find(std::string_view name) const override;
  void each(const std::function<void(const TensorEntry&)>& use) const override;

 private:
  std::shared_ptr<const void> owner_;
  std::vector<TensorEntry> entries_;
  std::map<std::string, size_t, std::less<>> index_;  // name -> place in entries_
};

}  // namespace hewn

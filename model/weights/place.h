#pragma once
// Maps another program's tensors to the parameters of a Model: correspondence, shape checks and values.

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "model/model.h"
#include "model/named_tensors.h"

namespace hewn {

/// The foreign tensors that make up one of our parameters: side by side along our columns (for a vector: end
/// to end). Used in both directions, for import and export.
struct Origin {
  struct Part {
    std::string name;   ///< foreign name
    int64_t width = 0;  ///< number of our columns that it fills
  };
  std::vector<Part> parts;
  bool transposed = false;  ///< their matrices are [out, in], ours [in, out]
};

/// How another program names the parameters of a model.
struct Naming {
  std::function<Origin(const Parameter& ours, const ModelConfig& config)> origin;
  /// Tensors that belong to such a model but are not parameters: masks, frequencies.
  std::function<bool(std::string_view theirs, const ModelConfig& config)> passed_over =
      [](std::string_view, const ModelConfig&) { return false; };
};

/// Compares names and shapes without reading values. `model` may be on a device without memory. A table of
/// positions may have more rows than needed, since a cropped context drops the later ones. Throws
/// ErrorCode::input listing everything missing, unknown or misshapen.
void check_fit(const NamedTensors& theirs, const Naming& naming, const Model& model);

/// The values of one of our parameters, row-major, as float or double. The tensors must fit.
template <class T>
std::vector<T> placed_values(const NamedTensors& theirs, const Naming& naming, const Parameter& ours,
                             const ModelConfig& config);
template <>
std::vector<float> placed_values<float>(const NamedTensors& theirs, const Naming& naming,
                                        const Parameter& ours, const ModelConfig& config);
template <>
std::vector<double> placed_values<double>(const NamedTensors& theirs, const Naming& naming,
                                          const Parameter& ours, const ModelConfig& config);

/// The values of one of our parameters in place, row-major. Empty unless exactly one float32 tensor holds
/// them. The tensors must fit.
std::span<const float> values_in_place(const NamedTensors& theirs, const Naming& naming,
                                       const Parameter& ours, const ModelConfig& config);

/// One of our matrices in place in a file, owned by `theirs`, for a CPU. Empty unless all of its tensors are
/// in blocks, or in bf16 (if `bf16`, or if others are in blocks), with rows that are inputs of a product or
/// embeddings of tokens. Throws ErrorCode::input for a scale that is infinite or NaN. The tensors must fit.
std::optional<BlockMatrix> placed_blocks(const std::shared_ptr<const NamedTensors>& theirs,
                                         const Naming& naming, const Parameter& ours,
                                         const ModelConfig& config, Device& cpu, bool bf16);

/// Overwrites one of our parameters, on a device with memory. The tensors must fit.
void place_parameter(const NamedTensors& theirs, const Naming& naming, Parameter& ours,
                     const ModelConfig& config);

/// Overwrites all parameters of a model on a device with memory, except those in blocks. Throws like
/// `check_fit`.
void place(const NamedTensors& theirs, const Naming& naming, Model& model);

// Collects mismatches between files and a model for one message.

/// A header may name a million tensors, so only the first are listed.
class Misfits {
 public:
  /// Adds a line, joined from parts.
  template <class... Parts>
  void add(const Parts&... parts) {
    if (++count_ <= shown) text_ += "\n  " + join(parts...);
  }
  /// Throws ErrorCode::input with `what`, such as "the tensors do not fit the configuration", and the lines,
  /// if there are any.
  void check(std::string_view what) const {
    if (count_ > 0)
      fail(ErrorCode::input, what, ":", text_,
           count_ > shown ? join("\n  and ", count_ - shown, " more") : std::string());
  }

 private:
  static constexpr int shown = 20;
  int count_ = 0;
  std::string text_;
};

}  // namespace hewn

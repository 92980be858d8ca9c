#pragma once
// Somebody else's tensors as the parameters of a Model: which belong to which, whether they fit, their
// values.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "model/weights/named_tensors.h"

namespace hewn {

/// The tensors of theirs that make up one parameter of ours: side by side along our columns (of a vector: end
/// to end). Read one way it imports, the other way it exports.
struct Origin {
  struct Part {
    std::string name;   ///< theirs
    int64_t width = 0;  ///< columns of ours that it takes
  };
  std::vector<Part> parts;
  bool transposed = false;  ///< their matrices are [out, in], ours [in, out]
};

/// How another program names the parameters of a model.
struct Naming {
  std::function<Origin(const Parameter& ours, const ModelConfig& config)> origin;
  /// Tensors that belong to such a model but are no parameters of it: masks, frequencies.
  std::function<bool(std::string_view theirs, const ModelConfig& config)> passed_over =
      [](std::string_view, const ModelConfig&) { return false; };
};

/// Compares names and shapes, reads no values. `model` may be on a device without memory. More rows than a
/// table of positions needs are fine: a cropped context leaves the later ones out. Throws ErrorCode::input
/// with all that is missing, unknown or misshapen.
void check_fit(const NamedTensors& theirs, const Naming& naming, const Model& model);

/// The values of one parameter of ours, row-major, as float or double. The tensors have to fit.
template <class T>
std::vector<T> placed_values(const NamedTensors& theirs, const Naming& naming, const Parameter& ours,
                             const ModelConfig& config);
template <>
std::vector<float> placed_values<float>(const NamedTensors& theirs, const Naming& naming,
                                        const Parameter& ours, const ModelConfig& config);
template <>
std::vector<double> placed_values<double>(const NamedTensors& theirs, const Naming& naming,
                                          const Parameter& ours, const ModelConfig& config);

/// Overwrites all parameters of a model on a device that runs. Throws as `check_fit`.
void place(const NamedTensors& theirs, const Naming& naming, Model& model);

}  // namespace hewn

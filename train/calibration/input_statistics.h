#pragma once
// What the matrices of a model read from a text, for quantisation that errs least where it matters most.

#include <map>
#include <string>
#include <vector>

#include "model/model.h"
#include "train/data/data.h"

namespace hewn {

/// By the names of parameters, for the matrices of products with inputs x.
struct ReadInputs {
  /// The mean square of each input column, [in]. A column that is read as large numbers makes errors of its weights
  /// count more.
  std::map<std::string, std::vector<float>> squares = {};
  /// The mean of x_i x_j for each two input columns, [in, in]: an error of one weight makes up for that of another where
  /// their columns rise and fall together. A matrix that read fewer rows than it has columns is left out.
  std::map<std::string, std::vector<float>> products = {};
  /// The rows that the matrices left out have read.
  std::map<std::string, int64_t> too_few_rows = {};
};

/// Over the first `tokens` tokens of the validation data, in windows of the model's context. The model is on a CPU, in
/// f32 or bf16. `with_products` takes in^2 * 4 bytes for each matrix. Throws ErrorCode::input for a text of less than a
/// window, ErrorCode::memory if there is not enough, and like `evaluate`.
ReadInputs read_inputs(Model& model, const Dataset& text, int64_t tokens, bool with_products = false);

}  // namespace hewn

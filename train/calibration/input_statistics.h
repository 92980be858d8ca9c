#pragma once
// Statistics of the inputs of a model's matrices on a text, so that quantisation errs least where errors
// matter most.

#include <map>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/weights/foreign.h"
#include "train/data/data.h"

namespace hewn {

/// By name of the parameter, for matrices W of products x W.
struct ReadInputs {
  /// The mean square of each input column, [in]. Errors in the weights of columns with large inputs weigh
  /// more.
  std::map<std::string, std::vector<float>> squares = {};
  /// The mean of x_i x_j for each pair of input columns, [in, in]: the error of one weight can compensate
  /// that of another if their columns are correlated. Omits matrices with fewer input rows than columns.
  std::map<std::string, std::vector<float>> products = {};
  /// The number of input rows of the omitted matrices.
  std::map<std::string, int64_t> too_few_rows = {};
};

/// Reads the first `tokens` tokens of the validation data, in windows of the model's context. The model must
/// be on a CPU, in f32 or bf16. `with_products` takes in^2 * 4 bytes per matrix. Throws ErrorCode::input for
/// a text shorter than a window, ErrorCode::memory if there is not enough, and like `evaluate`.
ReadInputs read_inputs(Model& model, const Dataset& text, int64_t tokens, bool with_products = false);

// The sensitivity of a model's predictions to each of its weights.

/// For each weight w, the second derivative of the divergence KL(P, P') in nats per token, where P' are the
/// predictions with w changed: the diagonal of the Fisher information, E[(d log P(label) / dw)^2] with labels
/// drawn from P itself (Amari 1998, "Natural Gradient Works Efficiently in Learning"). Changes d of many
/// weights, independent of each other, cost about half the sum of curvature * d^2. Estimated from `windows`
/// windows of the validation data, of up to 128 tokens; labels follow from `seed`. The model must have
/// gradients and be in float32 on a CPU. The result holds the curvatures in place of the weights. Throws
/// ErrorCode::input for a text shorter than a window.
ForeignModel curvature(Model& model, const Dataset& text, int64_t windows, uint64_t seed);

}  // namespace hewn

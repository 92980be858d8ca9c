#pragma once
// What the matrices of a model read from a text, for quantisation that errs least where it matters most.

#include <map>
#include <string>
#include <vector>

#include "model/model.h"
#include "train/data/data.h"

namespace hewn {

/// For each matrix of a product, by the parameter's name, the mean square of each of its input columns over the first
/// `tokens` tokens of the validation data, in windows of the model's context, [in]. A column that is read as large
/// numbers makes errors of its weights count more. The model is on a CPU, in f32 or bf16. Throws ErrorCode::input for
/// a text of less than a window, and like `evaluate`.
std::map<std::string, std::vector<float>> input_squares(Model& model, const Dataset& text, int64_t tokens);

}  // namespace hewn

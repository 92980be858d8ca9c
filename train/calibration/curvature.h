#pragma once
// How sensitive a model's predictions are to each of its weights.

#include "model/model.h"
#include "model/weights/foreign.h"
#include "train/data/data.h"

namespace hewn {

/// For each weight w the second derivative of the divergence KL(P, P') in nats a token, where P' are the predictions with
/// w changed: the diagonal of the Fisher information, E[(d log P(label) / dw)^2] with labels drawn from P itself (Amari
/// 1998, "Natural Gradient Works Efficiently in Learning"). Changes d of many weights, independent of each other, cost
/// about half the sum of curvature * d^2. Estimated from `windows` windows of the validation data, of up to 128 tokens;
/// labels follow from `seed`. The model has gradients, in float32 on a CPU. The result has the curvatures in the place of
/// the weights. Throws ErrorCode::input for a text of less than a window.
ForeignModel curvature(Model& model, const Dataset& text, int64_t windows, uint64_t seed);

}  // namespace hewn

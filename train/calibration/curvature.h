#pragma once
// The sensitivity of a model's predictions to each of its weights.

#include "model/model.h"
#include "model/weights/foreign.h"
#include "train/data/data.h"

namespace hewn {

/// For each weight w, the second derivative of the divergence KL(P, P') in nats per token, where P' are the
/// predictions with w changed: the diagonal of the Fisher information, E[(d log P(label) / dw)^2] with labels
/// drawn from P itself (Amari 1998, "Natural Gradient Works Efficiently in Learning"). Changes d of many
/// weights, independent of each other, cost about half the sum of curvature * d^2. Estimated from `windows`
/// windows of the validation data, of up to 128 tokens; labels follow from `seed`. The model must have
/// gradients and be in float32 on a CPU. The result holds the curvatures in place of the weights. Throws
/// ErrorCode::input for a text shorter than a window.
ForeignModel curvature(Model& model, const Dataset& text, int64_t windows, uint64_t seed);

}  // namespace hewn

#pragma once

#include <optional>
#include <span>

#include "core/tape.h"

namespace hewn {

/// Rows of a table: weight [V, C] (f32 or f64), ids of any shape [...] (i64 or i32) -> [..., C] of the weight's
/// type, or of `y_dtype`, which may be bf16 for an f32 weight. On a CPU and without a gradient, the weight may be bf16,
/// and the result is f32. Throws input if an id is not in [0, V); the error
/// states the id and its position. Ids on a GPU are not checked, since this would stall: check them with
/// `check_ids` before the upload.
Tensor embedding(const Tensor& weight, const Tensor& ids, std::optional<DType> y_dtype = {});

/// The same plus a row per position: ids [..., T], position [P, C] -> weight[ids] + position[start + t],
/// t < T. start + T <= P.
Tensor embedding(const Tensor& weight, const Tensor& position, const Tensor& ids, int64_t start = 0,
                 std::optional<DType> y_dtype = {});

/// Throws input if an id is not in [0, vocabulary); `what` names the ids in the message.
void check_ids(std::span<const int32_t> ids, int64_t vocabulary, const char* what);

/// The first function composed of simple ones, on the CPU: one-hot rows of the ids times the weight.
Tensor embedding_composed(const Tensor& weight, const Tensor& ids);
/// The second function composed of simple ones: look up, slice the positions, add.
Tensor embedding_composed(const Tensor& weight, const Tensor& position, const Tensor& ids, int64_t start = 0);

}  // namespace hewn

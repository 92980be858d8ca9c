#pragma once

#include <span>

#include "core/tape.h"

namespace hewn {

/// Rows of a table: weight [V, C] (f32 or f64), ids of any shape [...] (i64 or i32) -> [..., C].
/// Throws input when an id is not in [0, V), naming it and where it stands; but a GPU's are not looked at,
/// which would mean to wait for it: `check_ids` is for those who send them there.
Tensor embedding(const Tensor& weight, const Tensor& ids);

/// The same plus a row per position: ids [..., T], position [P, C] -> weight[ids] + position[start + t], t <
/// T. start + T <= P.
Tensor embedding(const Tensor& weight, const Tensor& position, const Tensor& ids, int64_t start = 0);

/// Throws input when one of these is not in [0, vocabulary); `what` they are is named in the message.
void check_ids(std::span<const int32_t> ids, int64_t vocabulary, const char* what);

/// The second said slowly: look up, cut out the positions, add.
Tensor embedding_composed(const Tensor& weight, const Tensor& position, const Tensor& ids, int64_t start = 0);

}  // namespace hewn

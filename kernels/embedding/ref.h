#pragma once

#include "kernels/embedding/abi.h"

namespace hewn {

/// The oracle: plain loops, sums in double, for f32 and f64.
void embedding_reference(const Launch&, const EmbeddingForward& a);
void embedding_reference(const Launch&, const EmbeddingBackward& a);

}  // namespace hewn

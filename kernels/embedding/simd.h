#pragma once

#include "kernels/embedding/abi.h"

namespace hewn {

// Both f32.

template <Isa I>
void embedding_simd(const Launch& launch, const EmbeddingForward& a);

/// Strips of 64 columns to threads: each walks all ids in order, so that nobody waits for or collides with
/// anybody, and every sum has the order of the text.
template <Isa I>
void embedding_backward_simd(const Launch& launch, const EmbeddingBackward& a);

}  // namespace hewn

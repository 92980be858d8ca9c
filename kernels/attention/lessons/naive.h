#pragma once

#include "kernels/attention/abi.h"

namespace hewn {

/// The textbook way, for f32 and f64: all Tq x Tk scores of a head, then their softmax, then the sums.
void attention_naive(const Launch&, const AttentionForward& a);
void attention_naive(const Launch&, const AttentionBackward& a);
size_t attention_naive_scratch(const AttentionForward& a, int threads);
size_t attention_naive_scratch(const AttentionBackward& a, int threads);

}  // namespace hewn

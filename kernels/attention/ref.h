#pragma once

#include "kernels/attention/abi.h"

namespace hewn {

/// The oracle: plain loops in double, for f32 and f64, one row of scores at a time.
void attention_reference(const Launch&, const AttentionForward& a);
void attention_reference(const Launch&, const AttentionBackward& a);
size_t attention_reference_scratch(const AttentionForward& a, int threads);
size_t attention_reference_scratch(const AttentionBackward& a, int threads);

}  // namespace hewn

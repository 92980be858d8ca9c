#pragma once

#include "kernels/layernorm/abi.h"

namespace hewn {

/// Teaching rungs, float only; the idea of each stands in list.cpp.
void layernorm_welford(const Launch&, const LayernormForward& a);
void layernorm_shifted(const Launch&, const LayernormForward& a);
void layernorm_by_rows(const Launch&, const LayernormBackward& a);
size_t layernorm_by_rows_scratch(const LayernormBackward& a, int threads);

}  // namespace hewn

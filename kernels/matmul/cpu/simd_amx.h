#pragma once

#include "kernels/matmul/abi.h"

namespace hewn {

/// Products of bf16 matrices; see square_scratch in blocks_amx.h for its scratch.
template <Isa I>
void matmul_amx(const Launch& launch, const Matmul& a);

}  // namespace hewn

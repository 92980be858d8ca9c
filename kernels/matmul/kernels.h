#pragma once
// All kernels of this room; list.cpp has the ladder they form.

#include "kernels/matmul/abi.h"

namespace hewn {

/// The oracle and the first rung: a dot product in double per element, for f32 and f64.
void matmul_reference(const Launch&, const Matmul& a);

// Vectors, compiled once per instruction set.

template <Isa I>
void matmul_simd(const Launch& launch, const Matmul& a);

/// Products of bf16 matrices by products of pairs, for avx512bf16; dot_scratch in cpu/blocks_bf16.h gives its scratch.
template <Isa I>
void matmul_bf16_simd(const Launch& launch, const Matmul& a);

/// Products of bf16 matrices by AMX's tiles; square_scratch in cpu/blocks_amx.h gives its scratch.
template <Isa I>
void matmul_amx(const Launch& launch, const Matmul& a);

// The product on GPUs: lessons (float32, one plain product), then what takes every case.

template <Isa I>
void matmul_gpu_naive(const Launch& on, const Matmul& m);
template <Isa I>
void matmul_gpu_coalesced(const Launch& on, const Matmul& m);  ///< every type and every option
template <Isa I>
void matmul_gpu_shared(const Launch& on, const Matmul& m);
template <Isa I>
void matmul_gpu_registers(const Launch& on, const Matmul& m);

/// f32, every option.
template <Isa I>
void matmul_gpu_floats(const Launch& on, const Matmul& m);

/// f32 for those who take TF32 (Matmul::tf32), every option.
template <Isa I>
void matmul_gpu_tf32(const Launch& on, const Matmul& m);

/// bf16: one plain product, each stage awaited; and every option, stages ahead.
template <Isa I>
void matmul_gpu_mma(const Launch& on, const Matmul& m);
template <Isa I>
void matmul_gpu_tensor(const Launch& on, const Matmul& m);

/// bf16, one product with rows aligned to 16 bytes, on compute capability 9.0 (or the emulator) alone.
template <Isa I>
void matmul_gpu_hopper(const Launch& on, const Matmul& m);

/// f32 and bf16, up to `few_rows` rows (gpu_plan.h), every option.
template <Isa I>
void matmul_gpu_few_rows(const Launch& on, const Matmul& m);

}  // namespace hewn

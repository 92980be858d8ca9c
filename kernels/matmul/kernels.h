#pragma once
// All kernels of this room; list.cpp arranges them in a ladder.

#include "kernels/matmul/abi.h"

namespace hewn {

/// The oracle and first rung: one dot product per element, in double.
void matmul_reference(const Launch&, const Matmul& a);

// SIMD, compiled once per instruction set.

template <Isa I>
void matmul_simd(const Launch& launch, const Matmul& a);

/// Products of bf16 matrices by pairs along K, for avx512bf16; dot_scratch in
/// cpu/blocks_bf16.h is its scratch.
template <Isa I>
void matmul_bf16_simd(const Launch& launch, const Matmul& a);

/// Products of bf16 matrices by AMX tiles; square_scratch in cpu/blocks_amx.h is its scratch.
template <Isa I>
void matmul_amx(const Launch& launch, const Matmul& a);

// GPU kernels: lessons (float32, one plain product), then the kernels that support every case.

template <Isa I>
void matmul_gpu_naive(const Launch& on, const Matmul& m);
template <Isa I>
void matmul_gpu_coalesced(const Launch& on, const Matmul& m);  ///< every type and option
template <Isa I>
void matmul_gpu_shared(const Launch& on, const Matmul& m);
template <Isa I>
void matmul_gpu_registers(const Launch& on, const Matmul& m);

/// f32, every option.
template <Isa I>
void matmul_gpu_floats(const Launch& on, const Matmul& m);

/// f32 where TF32 is permitted (Matmul::tf32), every option.
template <Isa I>
void matmul_gpu_tf32(const Launch& on, const Matmul& m);

/// bf16: a lesson for one plain product that waits for each copy, and the full kernel with a
/// pipeline of stages.
template <Isa I>
void matmul_gpu_mma(const Launch& on, const Matmul& m);
template <Isa I>
void matmul_gpu_tensor(const Launch& on, const Matmul& m);

/// bf16, one product with rows aligned to 16 bytes, only on compute capability 9.0 or the emulator.
template <Isa I>
void matmul_gpu_hopper(const Launch& on, const Matmul& m);

/// f32 and bf16, up to `few_rows` rows (gpu_plan.h), every option.
template <Isa I>
void matmul_gpu_few_rows(const Launch& on, const Matmul& m);

}  // namespace hewn

#pragma once
// The part of cuBLAS's C interface needed for products. cmake/checks/cublas.cpp compares it with the library's header.

#include <cstddef>

namespace hewn::cli::cublas {

/// Its enumerations: cublasOperation_t, cudaDataType, cublasComputeType_t, cublasGemmAlgo_t.
enum Operation { as_it_is = 0, transposed = 1 };
enum Type { f32 = 0, f64 = 1, bf16 = 14 };
enum Compute { in_f32 = 68, in_f64 = 70, in_tf32 = 77 };
enum Algorithm { preferred = -1 };

using Create = int (*)(void** handle);
using SetStream = int (*)(void* handle, void* stream);
using SetWorkspace = int (*)(void* handle, void* workspace, size_t bytes);
/// C = alpha op(A) op(B) + beta C, with column-major matrices.
using GemmEx = int (*)(void* handle, int op_a, int op_b, int m, int n, int k, const void* alpha,
                       const void* a, int type_a, int lda, const void* b, int type_b, int ldb,
                       const void* beta, void* c, int type_c, int ldc, int compute, int algorithm);

}  // namespace hewn::cli::cublas

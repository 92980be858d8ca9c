// Checks apps/bench/peers/cublas.h against cuBLAS's own header. Compiled if that header is installed; never linked.

#include "apps/bench/peers/cublas.h"

#include <cublas_v2.h>

#include "cmake/checks/plain.h"

namespace hewn::cli::cublas {
namespace {

static_assert(as_it_is == number(CUBLAS_OP_N) && transposed == number(CUBLAS_OP_T));
static_assert(f32 == number(CUDA_R_32F) && f64 == number(CUDA_R_64F) && bf16 == number(CUDA_R_16BF));
static_assert(in_f32 == number(CUBLAS_COMPUTE_32F) && in_f64 == number(CUBLAS_COMPUTE_64F));
static_assert(in_tf32 == number(CUBLAS_COMPUTE_32F_FAST_TF32));
static_assert(preferred == number(CUBLAS_GEMM_DEFAULT));

static_assert(same<Create, decltype(&cublasCreate_v2)>);
static_assert(same<SetStream, decltype(&cublasSetStream_v2)>);
static_assert(same<SetWorkspace, decltype(&cublasSetWorkspace_v2)>);
// Selects one of two overloads; the other one, inline, takes a cudaDataType for the compute type.
using TheirGemmEx = cublasStatus_t (*)(cublasHandle_t, cublasOperation_t, cublasOperation_t, int, int, int,
                                       const void*, const void*, cudaDataType, int, const void*, cudaDataType,
                                       int, const void*, void*, cudaDataType, int, cublasComputeType_t,
                                       cublasGemmAlgo_t);
[[maybe_unused]] constexpr TheirGemmEx is_there = &cublasGemmEx;
static_assert(same<GemmEx, TheirGemmEx>);

}  // namespace
}  // namespace hewn::cli::cublas

#include "kernels/gpu/runtime/tensor_map.h"

#include <cuda.h>
#include <cuda_runtime.h>

#include <bit>

#include "core/error.h"

namespace hewn {
namespace {

using Encoder = decltype(&cuTensorMapEncodeTiled);

/// Looked up at run time, since the driver's library is not linked.
Encoder find_encoder() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  const cudaError_t error =
      cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &found);
  if (error != cudaSuccess || found != cudaDriverEntryPointSuccess || !function) {
    cudaGetLastError();
    fail(ErrorCode::failed,
         "cuda: the driver has no cuTensorMapEncodeTiled; install a driver for CUDA 12.0 or newer");
  }
  return reinterpret_cast<Encoder>(function);
}

}  // namespace

EncodedTensorMap encode_tensor_map(const TiledMatrix& m) {
  static const auto encode = find_encoder();
  // Fastest dimension first.
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(m.cols), static_cast<cuuint64_t>(m.rows)};
  const cuuint64_t row_bytes[] = {static_cast<cuuint64_t>(m.ld) * 2};
  const cuuint32_t box[] = {TiledMatrix::box_cols, static_cast<cuuint32_t>(m.box_rows)}, every[] = {1, 1};
  CUtensorMap map{};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<void*>(m.data), sizes, row_bytes, box,
             every, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
             CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS)
    fail(ErrorCode::failed, "cuda: error ", static_cast<int>(result), " of cuTensorMapEncodeTiled for ",
         m.rows, " rows of ", m.cols, " elements, ", m.ld, " apart, in boxes of ", m.box_rows, " x ",
         TiledMatrix::box_cols);
  return std::bit_cast<EncodedTensorMap>(map);
}

}  // namespace hewn

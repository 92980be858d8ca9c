#include "kernels/gpu/runtime/add.h"

#include "kernels/gpu/simt/simt.h"

namespace hewn {
namespace {

constexpr int threads = 256;

template <class T>
__global__ void __launch_bounds__(threads, blocks_with(threads, 40))
    add_elements(int64_t n, T* to, const T* from) {
  const int64_t i = int64_t{blockIdx.x} * threads + threadIdx.x;
  if (i < n) to[i] += from[i];
}

}  // namespace

template <>
void gpu_add<Isa::HEWN_ISA>(const Launch& on, DType dtype, int64_t n, void* to, const void* from) {
  const Grid grid{blocks_for(n, threads), threads};
  if (dtype == DType::f64)
    launch(on, "add", grid, add_elements<double>, n, static_cast<double*>(to),
           static_cast<const double*>(from));
  else
    launch(on, "add", grid, add_elements<float>, n, static_cast<float*>(to), static_cast<const float*>(from));
}

}  // namespace hewn

#include <omp.h>

#include "kernels/contract/parallel.h"
#include "kernels/contract/parallel_backends.h"

namespace hewn {

// The number of threads is the device's and not that of the parts: libgomp ends and starts threads whenever
// two regions in a row ask for different numbers.
void openmp_region(int threads, int parts, RegionBody body, void* context) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int part = 0; part < parts; ++part) body(context, part);
}

// Not the caller's affinity mask: with OMP_PROC_BIND OpenMP has bound the first thread to one place.
int available_cores() { return omp_get_num_procs(); }

}  // namespace hewn

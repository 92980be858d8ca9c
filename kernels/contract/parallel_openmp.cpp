#include <omp.h>

#include "kernels/contract/parallel.h"
#include "kernels/contract/parallel_backends.h"

namespace hewn {

// Uses the device's number of threads rather than that of the parts: libgomp ends and starts threads whenever
// two consecutive regions request different numbers.
void openmp_region(int threads, int parts, RegionBody body, void* context) {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
  for (int part = 0; part < parts; ++part) body(context, part);
}

// Not the caller's affinity mask: with OMP_PROC_BIND, OpenMP has bound the first thread to a single place.
int available_cores() { return omp_get_num_procs(); }

}  // namespace hewn

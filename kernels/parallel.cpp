#include "kernels/parallel.h"

#include <omp.h>

namespace hewn {

void parallel_region(int workers, void (*body)(void* context, int worker), void* context) {
#pragma omp parallel num_threads(workers)
  {
    // The run-time may give fewer threads than asked (OMP_THREAD_LIMIT): the rest of the work is shared out.
    for (int worker = omp_get_thread_num(); worker < workers; worker += omp_get_num_threads())
      body(context, worker);
  }
}

}  // namespace hewn

#pragma once
// What parallel_region (kernels/contract/parallel.h) runs on: one of these two. Neither is called while a
// region runs already; parallel.cpp sees to that.

namespace hewn {

using RegionBody = void (*)(void* context, int part);

/// A loop over the parts by OpenMP: `omp parallel for` with a dynamic schedule.
void openmp_region(int threads, int parts, RegionBody body, void* context);

/// The parts by the process's own team of threads, which never waits for a thread that has no part.
void team_region(int parts, RegionBody body, void* context);

}  // namespace hewn

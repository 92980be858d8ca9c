#pragma once
// The two backends of parallel_region (kernels/contract/parallel.h). parallel.cpp ensures that neither is
// called while a region is running.

namespace hewn {

using RegionBody = void (*)(void* context, int part);

/// Runs the parts in an OpenMP loop: `omp parallel for` with a dynamic schedule.
void openmp_region(int threads, int parts, RegionBody body, void* context);

/// Runs the parts on the process's own team of threads, which never waits for a thread without a part.
void team_region(int parts, RegionBody body, void* context);

}  // namespace hewn

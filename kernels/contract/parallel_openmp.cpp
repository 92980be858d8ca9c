#include "kernels/contract/parallel.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>

#include "core/io/limits.h"
#include "kernels/contract/crew.h"

namespace hewn {
namespace {

std::atomic_flag busy;  // while a region runs
Crew* crew = nullptr;   // of the long region, if there is one; read and written by whoever has set `busy`

/// Makes this the crew of all regions, unless there is one.
bool take(Crew& one) {
  while (busy.test_and_set(std::memory_order_acquire)) busy.wait(true);
  const bool taken = !crew;
  if (taken) crew = &one;
  busy.clear(std::memory_order_release);
  return taken;
}
void release() {
  while (busy.test_and_set(std::memory_order_acquire)) busy.wait(true);
  crew = nullptr;
  busy.clear(std::memory_order_release);
}

}  // namespace

void long_region(int threads, void (*work)(void* context), void* context) {
  Crew here;
  const bool waits_as_told = std::getenv("OMP_WAIT_POLICY");
  if (threads < 2 || waits_as_told || omp_in_parallel() || !take(here)) return work(context);
  std::exception_ptr problem;
#pragma omp parallel num_threads(threads)
  if (omp_get_thread_num() > 0) {
    here.help();
  } else {
    try {
      work(context);
    } catch (...) {
      problem = std::current_exception();
    }
    release();
    here.dismiss();
  }
  if (problem) std::rethrow_exception(problem);
}

// Uses the launch's number of threads rather than that of the parts: libgomp ends and starts threads whenever
// two consecutive regions request different numbers.
void parallel_region(int threads, int parts, void (*body)(void* context, int part), void* context) {
  if (threads > 1 && parts > 1 && !busy.test_and_set(std::memory_order_acquire)) {
    if (crew) {
      crew->run(parts, body, context);
    } else {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
      for (int part = 0; part < parts; ++part) body(context, part);
    }
    busy.clear(std::memory_order_release);
    busy.notify_one();
    return;
  }
  for (int part = 0; part < parts; ++part) body(context, part);
}

// Not the caller's affinity mask: with OMP_PROC_BIND, OpenMP has bound the first thread to a single place.
// A part of a processor is left out: on one thread more, the quota is used up before its period ends, and then all
// threads stand still until the next one, also those that others wait for. At a quota of 1.5 processors, a training
// step took 280 ms on two threads and 233 ms on one.
int available_cores() {
  return static_cast<int>(std::clamp(processor_quota(), 1.0, static_cast<double>(omp_get_num_procs())));
}

}  // namespace hewn

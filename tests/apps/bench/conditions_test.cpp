// Threads are held on cores of their own while kernels are timed.

#include "apps/bench/machine/conditions.h"

#include <sched.h>
#include <unistd.h>

#include "kernels/contract/parallel.h"
#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

cpu_set_t cores_of(pid_t task) {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(task, sizeof set, &set);
  return set;
}

}  // namespace

TEST_CASE("threads are held on cores of their own, and let go") {
  if (available_cores() < 2) return skip("threads on cores of their own: there is one core");
  const cpu_set_t before = cores_of(0);
  parallel_for(Launch{.threads = 4}, 4, [](int64_t, int64_t, int) {});  // more than are held below
  for (int attempt = 0; attempt < 200; ++attempt) {
    cli::PinnedThreads threads(2);
    REQUIRE(threads.pinned());
    threads.hold();
    const cpu_set_t callers = cores_of(0);
    REQUIRE(CPU_COUNT(&callers) == 1);
    for (const pid_t task : cli::threads_of_process()) {
      const cpu_set_t set = cores_of(task);
      CHECK(CPU_COUNT(&set) == 1);
      CHECK((task == gettid()) == (CPU_EQUAL(&set, &callers) != 0));
    }
    threads.release_caller();
    const cpu_set_t released = cores_of(0);
    CHECK(CPU_EQUAL(&released, &before));
  }
  for (const pid_t task : cli::threads_of_process()) {
    const cpu_set_t set = cores_of(task);
    CHECK(CPU_EQUAL(&set, &before));
  }
}

}  // namespace hewn::test

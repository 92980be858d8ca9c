// Threads are held on separate cores while kernels are timed.

#include "apps/bench/machine/conditions.h"

#include <sched.h>
#include <unistd.h>

#include "kernels/contract/parallel.h"
#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

/// The cores a thread may use; none when it has ended.
cpu_set_t cores_of(pid_t task) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(task, sizeof set, &set) != 0) CPU_ZERO(&set);
  return set;
}

}  // namespace

TEST_CASE("processors of separate cores come first") {
  const auto pairs = [](int processor) { return std::to_string(processor / 2); };
  CHECK(cli::separate_cores_first({0, 1, 2, 3, 5}, pairs) == std::vector<int>{0, 2, 5, 1, 3});
  CHECK(cli::cores_among({0, 1, 2, 3, 5}, pairs) == 3);
  CHECK(cli::cores_among({2, 3}, pairs) == 1);
  const auto unknown = [](int) { return std::string(); };
  CHECK(cli::separate_cores_first({3, 1, 2}, unknown) == std::vector<int>{3, 1, 2});
  CHECK(cli::cores_among({3, 1, 2}, unknown) == 3);
}

TEST_CASE("threads are pinned to separate cores, and released") {
  if (available_cores() < 2) return skip("threads on separate cores: there is one core");
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
      if (CPU_COUNT(&set) == 0) continue;  // OpenMP has ended it
      CHECK(CPU_COUNT(&set) == 1);
      CHECK((task == gettid()) == (CPU_EQUAL(&set, &callers) != 0));
    }
    threads.release_caller();
    const cpu_set_t released = cores_of(0);
    CHECK(CPU_EQUAL(&released, &before));
  }
  for (const pid_t task : cli::threads_of_process()) {
    const cpu_set_t set = cores_of(task);
    CHECK((CPU_COUNT(&set) == 0 || CPU_EQUAL(&set, &before)));
  }
}

TEST_CASE("threads that OpenMP starts later are pinned, too") {
  if (available_cores() < 2) return skip("threads on separate cores: there is one core");
  cli::PinnedThreads threads(2);
  for (const int n : {4, 2, 3, 2}) {
    parallel_for(Launch{.threads = n}, n, [](int64_t, int64_t, int) {});
    threads.hold();
    const cpu_set_t callers = cores_of(0);
    for (const pid_t task : cli::threads_of_process()) {
      const cpu_set_t set = cores_of(task);
      if (task != gettid() && CPU_COUNT(&set) != 0) CHECK_FALSE(CPU_EQUAL(&set, &callers));
    }
  }
}

}  // namespace hewn::test

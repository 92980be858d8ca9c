#include "apps/cli/idle_threads.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "core/io/path.h"

namespace hewn::cli {

void let_idle_threads_sleep(char** argv) {
  constexpr const char* decided_by[] = {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OMP_PROC_BIND", "OMP_PLACES",
                                        "GOMP_CPU_AFFINITY"};
  if (std::any_of(std::begin(decided_by), std::end(decided_by), std::getenv)) return;
  // Longer than the pause between two operations of a training step, much shorter than a time slice.
  setenv("GOMP_SPINCOUNT", "500", 1);
  std::error_code problem;
  const std::string program = fs::read_symlink("/proc/self/exe", problem).string();
  execv(program.c_str(), argv);
}

}  // namespace hewn::cli

#include "apps/run/ranks/cores.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <tuple>
#include <vector>

#include "apps/cli/terminal.h"
#include "apps/run/ranks/library.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "core/io/file.h"
#include "kernels/contract/parallel.h"
#include "kernels/gpu/runtime/runtime.h"
#include "train/ranks/agreement.h"

namespace hewn::cli {
namespace {

// A number of a core's place in the machine, such as "core_id"; 0 if the system does not tell.
int place_of_core(int core, const char* number) {
  try {
    return std::stoi(read_small_file(join("/sys/devices/system/cpu/cpu", core, "/topology/", number), 64));
  } catch (const std::exception&) {
    return 0;
  }
}

// The cores that this process may use, with those of one physical core beside each other.
std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<std::tuple<int, int, int>> found;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set))
        found.emplace_back(place_of_core(core, "physical_package_id"), place_of_core(core, "core_id"), core);
  std::sort(found.begin(), found.end());
  std::vector<int> cores;
  for (const auto& [package, physical, core] : found) cores.push_back(core);
  return cores;
}

}  // namespace

void take_own_cores(Ranks& ranks) {
  const std::vector<int> cores = usable_cores();
  std::string mine = name_of_host() + ":";
  for (const int core : cores) mine += join(" ", core);
  int n = 0, me = 0, rank = 0;  // ranks with the same cores, and the place of this one among them
  for (const std::string& theirs : ranks.gather(mine)) {
    if (rank++ == ranks.rank()) me = n;
    n += theirs == mine;
  }
  if (n == 1 || cores.empty()) return;
  // A limit of the container may be less than the number of cores.
  const size_t parts = static_cast<size_t>(n), part = static_cast<size_t>(me);
  const size_t begin = cores.size() >= parts ? part * cores.size() / parts : part % cores.size();
  const size_t end = std::max(begin + 1, (part + 1) * cores.size() / parts);
  const size_t most = std::max<size_t>(1, static_cast<size_t>(available_cores()) / parts);
  cpu_set_t set;
  CPU_ZERO(&set);
  for (size_t i = begin; i < std::min(end, begin + most); ++i) CPU_SET(cores[i], &set);
  (void)::sched_setaffinity(0, sizeof set, &set);  // without, threads of ranks share cores
}

namespace {

// The number of this rank among those of its host.
int number_on_host(Ranks& ranks) {
  int rank = 0, number = 0;
  for (const std::string& host : ranks.gather(name_of_host()))
    number += rank++ < ranks.rank() && host == name_of_host();
  return number;
}

}  // namespace

std::unique_ptr<Executor> open_device(const Settings& settings, Ranks* ranks) {
  if (!ranks) return open_device(settings);
  auto device = open_device(settings, number_on_host(*ranks));
  require_own_gpus(*ranks, device->gpu() ? device->gpu()->properties().address : "");
  return device;
}

void use_nccl(Ranks& ranks, Executor& device) {
  if (device.isa() != Isa::cuda) return;
  static const NcclLibrary library([] {
    const char* const named = std::getenv("HEWN_NCCL");
    return std::string(named ? named : "libnccl.so.2");
  }());
  const FoundNccl found = library.found();
  const std::string problem = why_no_nccl(ranks, found);
  if (problem.empty()) {
    ranks.use_nccl(found.library);
    say("nccl    ", nccl::text_of_version(found.library->version), ": from GPU to GPU");
  } else {
    say("note    gradients and values go through host memory: ", problem,
        ". With NCCL (NVIDIA's package libnccl2, or HEWN_NCCL=FILE) they go from GPU to GPU");
  }
}

}  // namespace hewn::cli

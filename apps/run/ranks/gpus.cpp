#include "apps/run/ranks/gpus.h"

#include <cstdlib>

#include "apps/cli/terminal.h"
#include "apps/run/ranks/nccl_library.h"
#include "apps/run/run_config.h"
#include "kernels/gpu/runtime/runtime.h"
#include "train/ranks/agreement.h"

namespace hewn::cli {
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

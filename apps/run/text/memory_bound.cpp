#include "apps/run/text/memory_bound.h"

#include "kernels/contract/contract.h"
#include "kernels/roof/roof.h"

namespace hewn::cli {

double seconds_to_read(const Model& model) {
  const Executor& device = executor(model.device());
  const size_t bytes = model.parameters().bytes_read();
  return static_cast<double>(bytes) / measured_bandwidth(bytes, device.isa(), device.threads());
}

}  // namespace hewn::cli

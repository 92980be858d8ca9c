#include "train/ranks/broadcast.h"

#include <vector>

#include "kernels/contract/contract.h"

namespace hewn {

void broadcast_values(Tensor& values, Ranks& ranks) {
  if (!executor(values.device()).gpu()) {
    ranks.broadcast({static_cast<std::byte*>(values.data()), values.bytes()});
    return values.changed();
  }
  std::vector<std::byte> host(values.bytes());
  if (ranks.rank() == 0) values.device().download(host.data(), values.data(), host.size());
  ranks.broadcast(host);
  if (ranks.rank() > 0) values.upload(host.data());
}

void broadcast_parameters(Parameters& parameters, Ranks& ranks) {
  for (Parameter& p : parameters.all()) broadcast_values(p.value, ranks);
}

}  // namespace hewn

#include "train/ranks/broadcast.h"

namespace hewn {

void broadcast_parameters(Parameters& parameters, Ranks& ranks) {
  for (Parameter& p : parameters.all()) {
    ranks.broadcast({static_cast<std::byte*>(p.value.data()), p.value.bytes()});
    p.value.changed();
  }
}

}  // namespace hewn

#include "train/ranks/tensors/route.h"

#include "train/ranks/tensors/direct.h"
#include "train/ranks/tensors/nccl.h"
#include "train/ranks/tensors/staged.h"

namespace hewn {
namespace {

std::unique_ptr<TensorTransport> transport_of(Ranks& ranks, Executor& device) {
  if (!device.gpu()) return std::make_unique<DirectTransport>(ranks.messages());
  if (ranks.nccl()) return std::make_unique<NcclTransport>(ranks, device, *ranks.nccl());
  return std::make_unique<StagedTransport>(ranks.messages(), device);
}

}  // namespace

TensorRoute::TensorRoute(Ranks& ranks, Executor& device)
    : ranks_(ranks), transport_(transport_of(ranks, device)), before_(ranks.carry_by(transport_.get())) {}

TensorRoute::~TensorRoute() { ranks_.carry_by(before_); }

}  // namespace hewn

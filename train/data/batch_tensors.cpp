#include "train/data/batch_tensors.h"

#include <span>

#include "kernels/contract/contract.h"
#include "kernels/embedding/op.h"

namespace hewn {

void check_batch(const Model& model, const Batch& batch) {
  if (!executor(model.device()).gpu()) return;
  const int64_t vocabulary = model.config().vocab_size;
  check_ids(batch.tokens, vocabulary, "token");
  for (const int32_t target : batch.targets)
    if (target != ignored_target) check_ids(std::span(&target, 1), model.config().outputs(), "target");
}

Tensor batch_tensor(Device& device, const Batch& batch, const std::vector<int32_t>& values) {
  const MemUseScope use(MemUse::data);
  return Tensor::from(device, values, {batch.rows, batch.block_size});
}

}  // namespace hewn

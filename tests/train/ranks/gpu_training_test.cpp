// Training with several ranks on GPUs: the bits of one process on a GPU.

#include <cmath>

#include "tests/support/gpu.h"
#include "tests/train/ranks/trained.h"

namespace hewn::test {
namespace {

/// Few steps, of a model whose gradients have some buckets.
RanksVariant on_gpus(const char* name, DType dtype) {
  RanksVariant variant{.name = name, .dtype = dtype, .micro_steps = 4, .steps = repeats(2, 3)};
  variant.model.n_embd = 64;
  return variant;
}

}  // namespace

TEST_CASE("gpu: 1, 2 and 4 ranks have the bits of one process", "[gpu][ranks]") {
  std::vector<RanksVariant> variants{on_gpus("f32", DType::f32), on_gpus("bf16, rounded", DType::bf16),
                                     on_gpus("whole, a rank without targets", DType::f32)};
  variants[0].model.dropout = 0.2;
  variants[0].optimizer.grad_clip = 0.1;
  variants[1].optimizer.stochastic_rounding = true;
  variants[2].optimizer.shard = false;
  variants[2].empty = {3};
  for (const RanksVariant& variant : variants) {
    const auto device = make_test_gpu();
    if (!device) return;
    const TrainedByRanks alone = train_on(*device, variant, variant.micro_steps, nullptr);
    for (const int size : {1, 2, 4})
      if (sanitizers().empty() ? in_sample() : size == 2) check_ranks(size, variant, alone, make_test_gpu);
    if (!sanitizers().empty()) break;  // which make the emulator slow
  }
}

TEST_CASE("gpu: while a trainer exists, ranks exchange its tensors as its GPU needs it",
          "[gpu][ranks][trainer]") {
  if (!make_test_gpu()) return;
  Mailboxes(2, run_seed(), 0).run([&](Ranks& ranks) {
    const auto carrier = [&] {
      TensorTransport* const now = ranks.carry_by(nullptr);
      ranks.carry_by(now);
      return now;
    };
    const TensorTransport* const of_host = carrier();
    const auto device = make_test_gpu();
    const auto model = make_model(tiny_model(), *device);
    {
      const Trainer trainer(*model, {}, {}, 5, 2, &ranks);
      require(carrier() != of_host, "tensors of the GPU leave as those of the host");
    }
    require(carrier() == of_host, "what carried the trainer's tensors is gone");
  });
}

}  // namespace hewn::test

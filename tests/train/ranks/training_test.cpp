// Training with several ranks: the bits of one process.

#include <algorithm>
#include <cmath>

#include "tests/support/errors.h"
#include "tests/train/ranks/trained.h"
#include "train/inspect/bad_numbers.h"

namespace hewn::test {
namespace {

/// Its gradients have more buckets than may be under way, if each has a block of the norm for each of up to 4 ranks.
ModelConfig many_buckets() {
  ModelConfig config = tiny_model();
  config.n_layer = 3;
  config.n_embd = 128;
  return config;
}

std::vector<RanksVariant> variants() {
  std::vector<RanksVariant> all{
      {"tied, dropout, clipped"}, {"sgd"},        {"f64"},      {"bf16"}, {"untied"}, {"rounded"},
      {"no last backward pass"},  {"recomputed"}, {"adapters"}, {"pairs"}};
  all[0].model.dropout = 0.2;
  all[0].optimizer.grad_clip = 0.1;
  all[1].optimizer.kind = OptimizerKind::sgd;
  all[2].dtype = DType::f64;
  all[3].dtype = all[5].dtype = DType::bf16;
  all[3].model.n_embd = 128;  // more than a slice for every rank
  all[4].model.tie = false;
  all[4].model.n_embd = 128;
  all[4].empty = {0, 1, 2, 3, 6};  // all of the first of two ranks
  all[5].optimizer.stochastic_rounding = true;
  all[6].model = all[7].model = many_buckets();
  all[6].empty = {6, 7};  // of the last of four ranks, and the last group of two
  all[7].recompute = true;
  all[7].model.dropout = 0.2;
  all[8].training.what = "lora";
  all[9].pairs = true;
  for (size_t i = 0, n = all.size(); i < n; ++i) {
    all.push_back(all[i]);
    all.back().optimizer.shard = false;
  }
  return all;
}

/// Trains on a CPU.
TrainedByRanks train(const RanksVariant& variant, int64_t groups, Ranks* ranks) {
  const auto device = make_cpu(1);
  return train_on(*device, variant, groups, ranks);
}

}  // namespace

TEST_CASE("training with 1, 2, 4 and 8 ranks gives the same bits on all of them", "[ranks]") {
  for (const RanksVariant& variant : variants()) {
    if (!in_sample()) continue;
    const TrainedByRanks alone = train(variant, variant.micro_steps, nullptr);
    for (const int size : {1, 2, 4, 8}) check_ranks(size, variant, alone, [] { return make_cpu(1); });
  }
}

TEST_CASE("moments that are divided among ranks are no single tensors", "[ranks]") {
  for (const bool shard : {true, false})
    Mailboxes(2, run_seed(), 0).run([&](Ranks& ranks) {
      const auto device = make_cpu(1);
      const auto model = make_model(many_buckets(), *device);
      const Trainer trainer(*model, {.shard = shard}, {}, 5, 2, &ranks);
      size_t pieces = 0;
      for (const auto& moment : trainer.optimizer().moments()) {
        pieces = std::max(pieces, moment.pieces.size());
        const auto error =
            error_of([&] { require(moment.value().shape() == moment.shape, "another shape"); });
        require(error.has_value() == shard, moment.name, shard ? " is one tensor" : " is divided");
        require(!error || contains(error->what(), moment.name + " is divided among ranks"),
                error ? error->what() : "");
      }
      require(shard ? pieces > 1 : pieces == 1, "the largest moment has ", pieces, " pieces");
    });
}

TEST_CASE("fewer ranks than groups give the same bits, too, other groups do not", "[ranks]") {
  const RanksVariant variant{"four groups"};
  const TrainedByRanks alone = train(variant, 4, nullptr), other = train(variant, 8, nullptr);
  CHECK((alone.bytes != other.bytes));
  for (const int size : {2, 4})
    Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
      require(train(variant, 4, &ranks).bytes == alone.bytes, "rank ", ranks.rank(), " has other bits");
    });
  CHECK_ERROR(Mailboxes(8, 1).run([&](Ranks& ranks) { train(variant, 4, &ranks); }), ErrorCode::usage,
              "the gradients of 4 groups of micro-steps cannot be divided among 8 ranks");
}

TEST_CASE("a bad number on one rank stops all of them before the update and is named", "[ranks]") {
  RanksVariant variant{"bad"};
  const int size = 4;
  Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
    const auto device = make_cpu(1);
    const auto model = make_model(variant.model, *device, DType::f32, 3);
    Trainer trainer(*model, {}, {}, 5, size, &ranks);
    std::vector<Batch> batches{batch_of(variant, 0, ranks.rank())};
    // The share of this rank's micro-step is not a number, those of the others are 0.
    batches[0].row_weights.assign(static_cast<size_t>(batches[0].rows), ranks.rank() == 2 ? INFINITY : 1);
    const std::string before = bytes_of(trainer);
    const StepResult result = trainer.step(batches);
    require(!result.finite, "rank ", ranks.rank(), " found the step finite");
    require(bytes_of(trainer) == before, "rank ", ranks.rank(), " changed something");
    const std::string bad = first_bad_node(trainer, batches);
    require(bad.find("rank 2, micro-step 2: ") == 0, "found: ", bad);
  });
}

}  // namespace hewn::test

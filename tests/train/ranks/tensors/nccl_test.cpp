// Training on GPUs that exchange tensors by NCCL, for which a stand-in takes its place.

#include "train/ranks/tensors/nccl.h"

#include "tests/support/errors.h"
#include "tests/support/gpu.h"
#include "tests/train/ranks/tensors/nccl_stand_in.h"
#include "tests/train/ranks/trained.h"

namespace hewn::test {
namespace {

/// The stand-in works on emulated GPUs only. Null where there are none.
std::unique_ptr<Executor> emulated() {
  if (sanitizers() != "thread")
    if constexpr (emulator_compiled) return make_emulated_gpu();
  skip("this build has no emulated GPU, or looks for races");
  return nullptr;
}

RanksVariant by_nccl(const char* name, DType dtype) {
  RanksVariant variant{.name = name, .dtype = dtype, .micro_steps = 4, .steps = repeats(2, 4)};
  variant.model.n_embd = 64;
  return variant;
}

/// Trains as some ranks whose GPUs exchange tensors by the stand-in. `in_step` is called by each before every step.
void train_by(const NcclStandIn& nccl, int size, const std::function<void(Ranks&, int step)>& in_step) {
  const RanksVariant variant = by_nccl("a rank fails", DType::f32);
  Mailboxes(size, run_seed(), 0).run([&](Ranks& ranks) {
    const auto device = emulated();
    ranks.use_nccl(&nccl.library());
    const auto model = make_model(variant.model, variant.training, *device, variant.dtype, 3);
    Trainer trainer(*model, variant.optimizer, {}, 5, size, &ranks);
    for (int step = 0; step < 3; ++step) {
      in_step(ranks, step);
      const Batch batch = batch_of(variant, step, ranks.rank());
      trainer.step(batch);
    }
  });
}

}  // namespace

TEST_CASE("nccl: 1, 2 and 4 ranks have the bits of one process", "[ranks][nccl]") {
  std::vector<RanksVariant> variants{by_nccl("f32", DType::f32), by_nccl("bf16, rounded", DType::bf16),
                                     by_nccl("whole", DType::f32)};
  variants[1].optimizer.stochastic_rounding = true;
  variants[2].optimizer.shard = false;
  for (const RanksVariant& variant : variants) {
    const auto device = emulated();
    if (!device) return;
    const TrainedByRanks alone = train_on(*device, variant, variant.micro_steps, nullptr);
    for (const int size : {1, 2, 4}) {
      if (!in_sample()) continue;
      NcclStandIn nccl(run_seed());
      const auto use = [&](Ranks& ranks) { ranks.use_nccl(&nccl.library()); };
      const int64_t bytes = check_ranks(size, variant, alone, emulated, use);
      CHECK(bytes == (size - 1) * int64_t{sizeof(nccl::UniqueId)});  // gradients and values are no messages
      CHECK((nccl.counts().bytes > 0) == (size > 1));
      CHECK(nccl.counts().connected == (size > 1 ? size : 0));
      CHECK(nccl.counts().destroyed == nccl.counts().connected);
      CHECK(nccl.counts().destroyed_in_use == 0);
      CHECK(nccl.counts().aborted == 0);
    }
  }
}

TEST_CASE("nccl: gradients leave while the backward pass goes on", "[ranks][nccl]") {
  if (!emulated()) return;
  RanksVariant variant = by_nccl("overlap", DType::f32);
  variant.model.n_layer = 4;
  variant.model.n_embd = 128;  // blocks of more than one bucket
  NcclStandIn nccl(run_seed());
  Mailboxes(2, run_seed(), 0).run([&](Ranks& ranks) {
    const auto device = emulated();
    ranks.use_nccl(&nccl.library());
    const auto model = make_model(variant.model, variant.training, *device, variant.dtype, 3);
    Trainer trainer(*model, variant.optimizer, {}, 5, 2, &ranks);
    std::vector<int64_t> launched;  // up to each node of the first block
    FirstBlock watch([&] { launched.push_back(nccl.groups_of(ranks.rank())); });
    trainer.observe(&watch);
    Random random("overlap " + std::to_string(ranks.rank()));
    trainer.step(random_batch(random, variant.model, 1));
    require(launched.front() > 0, "no bucket left before the first block");
    require(launched.back() < nccl.groups_of(ranks.rank()), "nothing left after it");
  });
}

TEST_CASE("nccl: the gradients' exchange is part of a step's graph", "[ranks][nccl]") {
  const auto device = emulated();
  if (!device) return;
  RanksVariant variant = by_nccl("graphs", DType::f32);
  variant.micro_steps = 2;
  variant.steps = 6;
  const TrainedByRanks alone = train_on(*device, variant, variant.micro_steps, nullptr);
  NcclStandIn nccl(run_seed());
  Mailboxes(2, run_seed(), 0).run([&](Ranks& ranks) {
    const auto own = emulated();
    ranks.use_nccl(&nccl.library());
    const auto model = make_model(variant.model, variant.training, *own, variant.dtype, 3);
    const ScheduleConfig steady{.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};
    Trainer trainer(*model, variant.optimizer, steady, 5, 2, &ranks);
    std::vector<int64_t> launched, sent;
    std::vector<double> waited;
    for (int64_t step = 0; step < variant.steps; ++step) {
      const int64_t groups = nccl.groups_of(ranks.rank());
      const Traffic before = ranks.traffic();
      const StepResult result = trainer.step(batch_of(variant, step, ranks.rank()));
      require(result.loss == alone.results[static_cast<size_t>(step)].loss, "another loss at step ", step);
      launched.push_back(nccl.groups_of(ranks.rank()) - groups);
      sent.push_back((ranks.traffic() - before).bytes_sent);
      waited.push_back((ranks.traffic() - before).seconds_waited);
    }
    require(trainer.graphs().replays() >= variant.steps - 2, trainer.graphs().replays(), " replays");
    require(launched[2] == launched[0], launched[2], " groups were captured instead of ", launched[0]);
    for (size_t step = 0; step < sent.size(); ++step) {
      require(sent[step] == sent[0], sent[step], " bytes at step ", step, " instead of ", sent[0]);
      require(waited[step] > 0, "no time to wait at step ", step);
      require(step < 3 || (launched[step] > 0 && launched[step] < launched[0]), launched[step],
              " groups were launched one by one at step ", step, ", ", launched[0], " in all");
    }
  });
  CHECK(nccl.counts().destroyed_in_use == 0);
}

TEST_CASE("nccl: an error that it finds ends all ranks, and is named", "[ranks][nccl]") {
  if (!emulated()) return;
  NcclStandIn nccl(run_seed());
  nccl.fail_group(0, 3);
  CHECK_ERROR(train_by(nccl, 2, [](Ranks&, int) {}), ErrorCode::failed,
              "NCCL 2.28.9: an exchange under way: remote process exited");
  CHECK(nccl.counts().aborted > 0);
  CHECK(nccl.counts().aborted + nccl.counts().destroyed == 2);
  CHECK(nccl.counts().aborted_by_caller == 0);
}

TEST_CASE("nccl: a rank that ends is not waited for", "[ranks][nccl]") {
  if (!emulated()) return;
  NcclStandIn nccl(run_seed());
  CHECK_ERROR(train_by(nccl, 4,
                       [](Ranks& ranks, int step) {
                         if (ranks.rank() == 2 && step == 1) fail(ErrorCode::memory, "no more memory here");
                       }),
              ErrorCode::failed, "another rank has ended");
  CHECK(nccl.counts().connected == 4);
  CHECK(nccl.counts().aborted + nccl.counts().destroyed == 4);
}

TEST_CASE("nccl: after an error it is no longer called, and exchanges that nobody joined are given up",
          "[ranks][nccl]") {
  if (!emulated()) return;
  for (const bool fails : {true, false}) {
    NcclStandIn nccl(run_seed());
    if (fails) nccl.fail_group(0, 0);
    Mailboxes(2, run_seed(), 0).run([&](Ranks& ranks) {
      const auto device = emulated();
      NcclTransport transport(ranks, *device, nccl.library());
      const Tensor mine = Tensor::from(*device, std::vector<float>{1, 2}, {2}), theirs = mine.like();
      const auto exchange = transport.start(Topic::values, {{1 - ranks.rank(), mine, theirs}});
      if (fails && ranks.rank() == 0) {
        const auto error = error_of([&] {
          for (;;) transport.check();
        });
        require(contains(error->what(), "remote process exited"), error->what());
        transport.check();  // about the messages alone
      }
      ranks.gather("");  // all are still there
    });
    CHECK(nccl.counts().connected == 2);
    CHECK(nccl.counts().aborted + nccl.counts().destroyed == 2);
    CHECK(nccl.counts().aborted == 2);
  }
}

TEST_CASE("nccl: a rank that cannot connect says why", "[ranks][nccl]") {
  if (!emulated()) return;
  NcclStandIn nccl(run_seed());
  nccl.fail_to_connect(0);
  CHECK_ERROR(train_by(nccl, 2, [](Ranks&, int) {}), ErrorCode::failed,
              "NCCL 2.28.9: ncclCommInitRank: unhandled cuda error; set NCCL_DEBUG=WARN");
}

TEST_CASE("nccl: it is used only if all ranks have the same version", "[ranks]") {
  const nccl::Library old{.version = 2804}, recent{.version = 22809};
  const auto obstacle = [&](const std::vector<FoundNccl>& found) {
    std::vector<std::string> said(found.size());
    Mailboxes(static_cast<int>(found.size()), run_seed()).run([&](Ranks& ranks) {
      const auto me = static_cast<size_t>(ranks.rank());
      said[me] = why_no_nccl(ranks, found[me]);
    });
    for (const std::string& one : said) CHECK(one == said[0]);
    return said[0];
  };
  const FoundNccl with{.library = &recent}, older{.library = &old},
      without{.problem = "libnccl.so.2: cannot open shared object file"};
  CHECK(obstacle({with, with}).empty());
  CHECK_THAT(obstacle({with, without}),
             Catch::StartsWith("rank 1 (") && Catch::Contains(") has no NCCL: libnccl.so.2: cannot open"));
  CHECK_THAT(obstacle({with, with, with, older}),
             Catch::Contains("rank 3 (") && Catch::Contains(") has NCCL 2.8.4, but rank 0 (") &&
                 Catch::Contains("has 2.28.9; install the same version on all hosts"));
}

}  // namespace hewn::test

// What ranks send each other of the values that they have updated.

#include "train/ranks/value_exchange.h"
#include "train/data/batch_tensors.h"

#include <limits>
#include <numeric>

#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/checkpoint/checkpoint.h"
#include "train/inspect/bad_numbers.h"

namespace hewn::test {
namespace {

constexpr int64_t micro_steps = 4, steps = 4;

struct SentVariant {
  const char* name;
  std::vector<std::string> copies;  ///< parts of the names of what is sent as copies
  TrainConfig config;
};

std::vector<SentVariant> sent_variants() {
  TrainConfig config{.model = tiny_model(), .optimizer = {}, .schedule = {}};
  config.model.n_layer = 1;
  config.model.n_embd = 128;
  config.schedule = {.kind = ScheduleKind::constant, .learning_rate = 1e-2, .warmup_iters = 0};
  config.gradient_accumulation_steps = config.grad_shards = micro_steps;
  config.check_interval = 1;
  config.dtype = DType::bf16;
  std::vector<SentVariant> all{{"tied", {"attn.", "mlp."}, config},
                               {"untied", {"attn.", "mlp.", "lm_head"}, config},
                               {"per head", {"c_proj", "mlp."}, config},
                               {"adapters", {"lora_"}, config},
                               {"classes", {"attn.", "mlp.", "score"}, config},
                               {"lstm", {"input", "lm_head"}, config},
                               {"bigram", {}, config},
                               {"f32", {}, config}};
  all[1].config.model.tie = false;
  all[2].config.model.attention = AttentionForm::per_head;
  all[3].config.training = {.what = "lora", .lora = {.rank = 32, .layers = ""}};
  all[4].config.model.n_labels = 11;  // as many as tokens, so that these can be targets
  all[5].config.model.arch = "lstm";
  all[5].config.model.tie = false;
  all[6].config.model.arch = "bigram";
  all[7].config.dtype = DType::f32;
  for (size_t i = 0; i < 3; ++i) {
    all.push_back(all[i]);
    all.back().config.optimizer.stochastic_rounding = true;
  }
  return all;
}

bool is_copied(const Parameter& p, const SentVariant& variant) {
  return p.decayed() && std::ranges::any_of(variant.copies, [&](const std::string& part) {
           return p.name.find(part) != std::string::npos;
         });
}

/// Overwrites the values that another rank owns and has sent only as copies.
void spoil(Parameters& parameters, const SentVariant& variant, Ranks& ranks) {
  const ParameterSlab& slab = parameters.slab();
  const Slices slices = ranks.slices(slab.n, parameters.dtype());
  auto* values = elements_of(*slab.values, parameters.dtype()).ptr<float>();
  for (size_t i = 0; i < slab.members.size(); ++i) {
    if (!is_copied(*slab.members[i], variant)) continue;
    const auto begin = static_cast<int64_t>(slab.values->offset(i) / sizeof(float));
    for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket)
      for (int rank = 0; rank < ranks.size(); ++rank) {
        const Range theirs =
            common(slices.elements(bucket, rank), {begin, begin + slab.members[i]->shape.numel()});
        if (rank == ranks.rank()) continue;
        std::fill(values + theirs.begin, values + theirs.end, std::numeric_limits<float>::quiet_NaN());
      }
  }
}

/// What one of the ranks, or a process alone, sees of a run.
struct Seen {
  std::vector<double> losses;  ///< of steps and evaluations
  std::vector<float> logits;
  std::string checkpoint;  ///< path
  std::string bytes;       ///< of its parameters and moments
};

Seen seen(const SentVariant& variant, const std::string& run, Ranks* ranks) {
  const TrainConfig& config = variant.config;
  const auto device = make_cpu(1);
  const auto model = make_model(config.model, config.training, *device, config.dtype, 3);
  Trainer trainer(*model, config, ranks);
  const int64_t mine = micro_steps / (ranks ? ranks->size() : 1), begin = ranks ? ranks->rank() * mine : 0;
  Seen all;
  const auto evaluate = [&] {
    const NoGrad none;
    Random random("evaluation");
    const Batch batch = random_batch(random, config.model, 2);
    const Tensor tokens = batch_tensor(*device, batch, batch.tokens);
    all.losses.push_back(model->loss(tokens, batch_tensor(*device, batch, batch.targets)).item());
    all.logits = model->logits(tokens, {}).values<float>();
  };
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<Batch> batches;
    for (int64_t m = begin; m < begin + mine; ++m) {
      Random random(join("values ", step, " ", m));
      batches.push_back(random_batch(random, config.model, 2));
    }
    all.losses.push_back(trainer.step(batches).loss);
    if (ranks) spoil(model->parameters(), variant, *ranks);
    evaluate();
    if (step != 1) continue;
    RunState state;
    state.step = trainer.steps_done();
    all.checkpoint =
        save_checkpoint(!ranks || ranks->rank() == 0 ? run : "/dev/null/nowhere", state, trainer);
  }
  all.bytes = bytes_of(trainer);
  return all;
}

std::string weights_in(const std::string& checkpoint, const SentVariant& variant) {
  return read_file(checkpoint + (variant.config.training.what == "lora" ? "/adapter_model.safetensors"
                                                                        : "/model.safetensors"));
}

}  // namespace

TEST_CASE("ranks: bf16 copies are sent of matrices that only products read, and nothing reads their values",
          "[ranks]") {
  for (const SentVariant& variant : sent_variants()) {
    if (!in_sample()) continue;
    const TempDir dir;
    const Seen alone = seen(variant, (dir / "alone").string(), nullptr);
    for (const int size : {1, 2, 4}) {
      INFO(variant.name << ", stochastic " << variant.config.optimizer.stochastic_rounding << ", " << size
                        << " ranks");
      std::vector<Seen> each(static_cast<size_t>(size));
      Mailboxes(size, run_seed(), 0).run([&](Ranks& ranks) {
        each[static_cast<size_t>(ranks.rank())] =
            seen(variant, (dir / std::to_string(size)).string(), &ranks);
      });
      CHECK((weights_in(each[0].checkpoint, variant) == weights_in(alone.checkpoint, variant)));
      for (Seen& one : each) {
        CHECK(one.losses == alone.losses);
        CHECK(one.logits == alone.logits);
        CHECK((one.bytes == alone.bytes));
      }
    }
  }
}

TEST_CASE("ranks: a matrix that is sent as bf16 copy takes half the bytes", "[ranks]") {
  for (const SentVariant& variant : sent_variants())
    for (const int size : {2, 4}) {
      INFO(variant.name << ", " << size << " ranks");
      Mailboxes mailboxes(size, run_seed(), 0);
      int64_t n = 0, copied = 0;
      std::vector<int64_t> sent(static_cast<size_t>(size)), completed(sent), again(sent);
      mailboxes.run([&](Ranks& ranks) {
        const auto me = static_cast<size_t>(ranks.rank());
        const auto device = make_cpu(1);
        const auto model =
            make_model(variant.config.model, variant.config.training, *device, variant.config.dtype, 3);
        const Slices slices = ranks.slices(model->parameters().slab().n, DType::f32);
        ValueExchange values(model->parameters(), ranks, slices);
        const auto sent_by = [&](const std::function<void()>& work) {
          const int64_t before = ranks.traffic().bytes_sent;
          work();
          return ranks.traffic().bytes_sent - before;
        };
        sent[me] = sent_by([&] { values.gather(); });
        completed[me] = sent_by([&] { values.complete(); });
        again[me] = sent_by([&] { values.complete(); });
        if (me > 0) return;
        n = model->parameters().slab().n;
        for (const Parameter& p : model->parameters().all())
          if (p.trains && is_copied(p, variant)) copied += p.shape.numel();
      });
      const auto sum = [](const std::vector<int64_t>& each) {
        return std::accumulate(each.begin(), each.end(), int64_t{0});
      };
      const int64_t copied_by_all = (size - 1) * copied, f32 = sizeof(float);
      CHECK(sum(sent) == (size - 1) * n * f32 - copied_by_all * f32 / 2);
      CHECK(sum(completed) == copied_by_all * f32);
      CHECK(sum(again) == 0);
    }
}

TEST_CASE("ranks: values arrive while other work goes on, and who uses a parameter waits for it alone",
          "[ranks]") {
  const TrainConfig config = sent_variants()[7].config;
  Mailboxes(2, run_seed(), 0).run([&](Ranks& ranks) {
    const auto device = make_cpu(1);
    const auto model = make_model(config.model, config.training, *device, config.dtype, 3);
    Parameters& parameters = model->parameters();
    const auto is_under_way = [](const Parameter& p) { return p.value.storage()->arrival != nullptr; };
    const auto number_under_way = [&] { return std::ranges::count_if(parameters.all(), is_under_way); };
    const Tensor all = elements_of(*parameters.slab().values, DType::f32);
    std::fill_n(all.ptr<float>(), all.numel(), static_cast<float>(ranks.rank()));
    const Slices slices = ranks.slices(all.numel(), DType::f32);
    {
      ValueExchange values(parameters, ranks, slices);
      values.gather();
      require(number_under_way() == std::ssize(parameters.all()), "a parameter is not under way");
      Parameter& matrix = *parameters.find("transformer.h.0.mlp.c_fc.weight");
      (void)matrix.value.data();
      require(!is_under_way(matrix), "the matrix was not waited for");
      require(number_under_way() == std::ssize(parameters.all()) - 1, "others were waited for, too");
      const std::vector<float> owners = all.values<float>();  // waits for all
      for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket)
        for (int rank = 0; rank < 2; ++rank)
          for (int64_t i = slices.elements(bucket, rank).begin; i < slices.elements(bucket, rank).end; ++i)
            require(owners[static_cast<size_t>(i)] == static_cast<float>(rank), "element ", i, " is ",
                    owners[static_cast<size_t>(i)], " on rank ", ranks.rank());
      values.gather();
    }
    require(number_under_way() == 0, "what is under way has outlived its end");
  });
}

TEST_CASE("ranks: a value that is not finite is found by all of them, though it was not sent", "[ranks]") {
  TrainConfig config = sent_variants()[1].config;
  config.training.what = "head";  // a single slice, which the last rank owns
  Mailboxes(4, run_seed()).run([&](Ranks& ranks) {
    const auto device = make_cpu(1);
    const auto model = make_model(config.model, config.training, *device, config.dtype, 3);
    Trainer trainer(*model, config, &ranks);
    Random random(join("finite ", ranks.rank()));
    trainer.step(random_batch(random, config.model, 2));
    if (ranks.rank() == 3)
      model->parameters().find("lm_head.weight")->value.ptr<float>()[5] =
          std::numeric_limits<float>::infinity();
    const std::string bad = bad_parameter(trainer);
    require(bad == "lm_head.weight: 1 of 1408 values are not finite", "rank ", ranks.rank(), " finds '", bad,
            "'");
  });
}

}  // namespace hewn::test

// Evaluation by several ranks: the bits of one process.

#include <cmath>

#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/eval.h"

namespace hewn::test {
namespace {

constexpr int64_t vocabulary = 11;

/// Batches of different lengths, of which some have no targets.
class Uneven final : public BatchSource {
 public:
  void fill(int64_t index, Batch& batch) const override {
    Random random("uneven " + std::to_string(index));
    batch = random_batch(random, tiny_model(), 1 + index % 3);
    if (index % 5 == 3) batch.targets.assign(batch.targets.size(), ignored_target);
  }
  int64_t batch_count() const override { return 100; }
};

}  // namespace

TEST_CASE("an estimate of the loss has the same bits for any number of ranks and batches", "[ranks]") {
  const Uneven source;
  for (const int64_t batches : {1, 2, 3, 7, 8, 13}) {
    const auto whole = make_model(tiny_model(), cpu(), DType::f32, 3);
    const double alone = estimate_loss(*whole, source, batches);
    CHECK(std::isfinite(alone));
    for (const int size : {1, 2, 4, 8})
      Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
        const auto device = make_cpu(1);
        const auto model = make_model(tiny_model(), *device, DType::f32, 3);
        int64_t questions = 0;
        const auto never = [&] { return ++questions < 0; };
        const auto loss = estimate_loss(*model, source, batches, never, &ranks);
        require(loss && *loss == alone, batches, " batches, ", size, " ranks: rank ", ranks.rank(),
                " has another loss");
        require(questions == (batches + size - 1) / size, "rank ", ranks.rank(), " asked ", questions,
                " times");
      });
  }
}

TEST_CASE("the score of a text has the same bits for any number of ranks", "[ranks]") {
  const Dataset data = some_text(30000, vocabulary);  // several batches
  const auto whole = make_model(tiny_model(), cpu(), DType::f32, 3);
  for (const int64_t stride : {0, 3}) {
    const EvalOptions options{.block_size = tiny_model().block_size, .stride = stride};
    const Evaluation alone = evaluate(*whole, data, options);
    for (const int size : {1, 2, 4, 8})
      Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
        const auto device = make_cpu(1);
        const auto model = make_model(tiny_model(), *device, DType::f32, 3);
        const Evaluation e = evaluate(*model, data, options, &ranks);
        require(e.loss == alone.loss && e.accuracy == alone.accuracy && e.tokens == alone.tokens &&
                    e.windows == alone.windows,
                "rank ", ranks.rank(), " of ", size, " has another result");
      });
  }
}

TEST_CASE("a validation that is stopped ends on all ranks", "[ranks]") {
  const Dataset data = some_text(500, vocabulary);
  TrainConfig config;
  config.model = tiny_model();
  config.batch_size = 2;
  config.eval_iters = 7;
  const auto whole = make_model(tiny_model(), cpu(), DType::f32, 3);
  const double alone = text_validator(data, config)(*whole, {})->loss;
  Mailboxes(4, run_seed()).run([&](Ranks& ranks) {
    const auto device = make_cpu(1);
    const auto model = make_model(tiny_model(), *device, DType::f32, 3);
    const Validator validate = text_validator(data, config, &ranks);
    int questions = 0;
    require(!validate(*model, [&] { return ++questions == 2; }), "rank ", ranks.rank(), " did not stop");
    require(validate(*model, {})->loss == alone, "rank ", ranks.rank(), " has another loss");
  });
}

}  // namespace hewn::test

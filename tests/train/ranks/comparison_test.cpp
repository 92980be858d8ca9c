// Parameters that went bad on a rank are noticed before they are used for an update.

#include "tests/support/errors.h"
#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/ranks/agreement.h"

namespace hewn::test {
namespace {

/// Trains three steps on `size` ranks. Before step `at`, flips a bit of the parameter `name` on some of them, in its value
/// or in its bf16 copy. Returns what each rank says.
std::vector<std::string> errors_after(int size, const std::string& name, const std::vector<int>& bad,
                                      int64_t at, int64_t check_interval, DType dtype = DType::f32,
                                      Tensor Parameter::*in = &Parameter::value) {
  TrainConfig config{.model = tiny_model(), .optimizer = {}, .schedule = {}};
  config.gradient_accumulation_steps = config.grad_shards = size;
  config.check_interval = check_interval;
  config.model.tie = false;
  config.dtype = dtype;
  config.training.what = "head";
  std::vector<std::string> errors(static_cast<size_t>(size));
  Mailboxes(size, run_seed()).run([&](Ranks& ranks) {
    const auto device = make_cpu(1);
    const auto model = make_model(config.model, config.training, *device, config.dtype, 3);
    Trainer trainer(*model, config, &ranks);
    Random random(join("rank ", ranks.rank()));
    try {
      for (int64_t step = 0; step < 3; ++step) {
        for (Parameter& p : model->parameters().all())
          if (step == at && p.name == name && std::ranges::count(bad, ranks.rank()) > 0)
            *static_cast<std::byte*>((p.*in).data()) ^= std::byte{1};
        trainer.step(random_batch(random, config.model, 1));
      }
    } catch (const Error& error) {
      errors[static_cast<size_t>(ranks.rank())] = error.what();
    }
  });
  return errors;
}

}  // namespace

TEST_CASE("ranks: a bit that flips in a parameter is noticed and its rank named", "[ranks]") {
  for (const char* name : {"transformer.h.0.mlp.c_fc.weight", "lm_head.weight"})
    for (const std::string& error : errors_after(4, name, {2}, 1, 1)) {
      CHECK(contains(error, "step 1: the parameters of rank 2 ("));
      CHECK(contains(error, "differ from those of the other ranks"));
      CHECK(!contains(error, "rank 1"));
    }
  for (const std::string& error : errors_after(2, "lm_head.weight", {1}, 1, 1))
    CHECK(contains(error, "rank 0 (" + name_of_host() + "), rank 1 (" + name_of_host() + ") differ"));
  for (const std::string& error : errors_after(4, "lm_head.weight", {0, 3}, 0, 1))
    CHECK(contains(error, "rank 3 ("));
}

TEST_CASE("ranks: of a matrix that is sent as bf16 copy, the copies are compared", "[ranks]") {
  const auto errors = [](const char* name, int rank, Tensor Parameter::*in) {
    return errors_after(4, name, {rank}, 1, 1, DType::bf16, in);
  };
  for (const std::string& error : errors("lm_head.weight", 2, &Parameter::value_bf16))
    CHECK(contains(error, "step 1: the parameters of rank 2 ("));
  // The last rank owns all of this matrix, and nothing reads another's values of it any more.
  for (const std::string& error : errors("lm_head.weight", 2, &Parameter::value)) CHECK(error.empty());
  // What does not train has values that every rank keeps.
  for (const std::string& error : errors("transformer.h.0.mlp.c_fc.weight", 2, &Parameter::value))
    CHECK(contains(error, "step 1: the parameters of rank 2 ("));
}

TEST_CASE("ranks: parameters are compared every check_interval steps", "[ranks]") {
  // What no update overwrites stays wrong until it is compared.
  for (const std::string& error : errors_after(4, "transformer.h.0.mlp.c_fc.weight", {1}, 0, 3))
    CHECK(contains(error, "step 2: the parameters of rank 1 ("));
  for (const std::string& error : errors_after(4, "transformer.h.0.mlp.c_fc.weight", {1}, 0, 4))
    CHECK(error.empty());
  for (const std::string& error : errors_after(4, "transformer.h.0.mlp.c_fc.weight", {1}, 0, 1))
    CHECK(contains(error, "step 0: the parameters of rank 1 ("));
  for (const std::string& error : errors_after(4, "", {}, 0, 1)) CHECK(error.empty());
}

}  // namespace hewn::test

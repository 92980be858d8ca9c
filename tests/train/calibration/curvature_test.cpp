#include "train/calibration/input_statistics.h"

#include <cmath>

#include "model/weights/place.h"
#include "tests/train/tiny.h"
#include "train/divergence.h"

namespace hewn {
namespace {

/// Far enough from uniform predictions.
std::unique_ptr<Model> decided(const ModelConfig& config, bool grads) {
  auto model = make_model(config, cpu(), DType::f32, 4, grads);
  for (Parameter& p : model->parameters().all())
    for (int64_t i = 0; i < p.value.numel(); ++i)
      p.value.ptr<float>()[i] *= p.shape.rank() == 2 ? 8.0f : 1.0f;
  return model;
}

}  // namespace

TEST_CASE("curvature predicts how far a model diverges whose weights are changed a little") {
  ModelConfig config = test::tiny_model();
  config.block_size = 16;
  const Dataset text = test::some_text(16 * 400 + 1, config.vocab_size);
  const auto model = decided(config, true);
  const ForeignModel found = curvature(*model, text, 400, 3);
  CHECK(found.tensors->find("transformer.wte.weight") != nullptr);
  test::Random random("changes");
  for (const char* part : {"wte", "c_attn.weight", "c_fc.weight", ""}) {
    double predicted = 0, measured = 0;  // over several changes, since few directions matter much
    for (int n = 0; n < 8; ++n) {
      const auto changed = decided(config, false);
      for (Parameter& p : changed->parameters().all()) {
        if (p.name.find(part) == p.name.npos) continue;
        const TensorEntry* entry = found.tensors->find(p.name);
        REQUIRE(entry != nullptr);
        const auto* const of = static_cast<const float*>(entry->data);
        for (int64_t i = 0; i < p.value.numel(); ++i) {
          const double change = random.normal() * 2e-3;
          p.value.ptr<float>()[i] += static_cast<float>(change);
          predicted += 0.5 * static_cast<double>(of[i]) * change * change;
        }
      }
      measured += divergence(*model, *changed, text, {.block_size = 16, .stride = 0}).kl_mean;
    }
    INFO(part << ": predicted " << predicted << ", measured " << measured);
    CHECK(std::abs(std::log(predicted / measured)) < std::log(2.0));
  }
}

TEST_CASE("curvature follows from its seed, and needs a window of text") {
  const ModelConfig config = test::tiny_model();
  const auto model = decided(config, true);
  const Dataset text = test::some_text(200, config.vocab_size);
  const auto values = [&](uint64_t seed) {
    const ForeignModel found = curvature(*model, text, 4, seed);
    const TensorEntry* entry = found.tensors->find("transformer.wte.weight");
    const auto* const of = static_cast<const float*>(entry->data);
    return std::vector<float>(of, of + entry->elements());
  };
  CHECK(values(1) == values(1));
  CHECK(values(1) != values(2));
  CHECK_THROWS_AS(curvature(*model, test::some_text(3, config.vocab_size), 4, 1), Error);
}

}  // namespace hewn

// Every variant that `hewn train` offers learns: trained like the default model, it comes within a stated
// distance of its loss.

#include <functional>
#include <map>

#include "core/rng.h"
#include "tests/train/tiny.h"
#include "train/data/corpus.h"

namespace hewn {
namespace {

struct Variant {
  const char* name;
  double distance;  ///< by how many nats per character its loss may exceed the default's
  std::function<void(TrainConfig&)> change;
};

constexpr double near = 0.15;

std::vector<Variant> variants() {
  return {
      {"pos=sin", near, [](TrainConfig& c) { c.model.pos = Positions::sinusoidal; }},
      {"pos=rope", near, [](TrainConfig& c) { c.model.pos = Positions::rotary; }},
      {"pos=rope rope_pairs=interleaved", near,
       [](TrainConfig& c) {
         c.model.pos = Positions::rotary;
         c.model.rope_pairs = RotaryPairs::interleaved;
       }},
      {"pos=none", near, [](TrainConfig& c) { c.model.pos = Positions::none; }},
      {"tie=false", near, [](TrainConfig& c) { c.model.tie = false; }},
      {"pos_combine=concat", near,
       [](TrainConfig& c) {
         c.model.pos_combine = PosCombine::concat;
         c.model.tie = false;
       }},
      {"pos=sin pos_combine=concat", near,
       [](TrainConfig& c) {
         c.model.pos = Positions::sinusoidal;
         c.model.pos_combine = PosCombine::concat;
         c.model.tie = false;
       }},
      {"norm=rmsnorm", near, [](TrainConfig& c) { c.model.norm = NormKind::rmsnorm; }},
      {"norm_place=post", 0.5, [](TrainConfig& c) { c.model.norm_place = NormPlace::post; }},
      {"act=gelu_erf", near, [](TrainConfig& c) { c.model.act = Activation::gelu_erf; }},
      {"act=relu", near, [](TrainConfig& c) { c.model.act = Activation::relu; }},
      {"act=silu", near, [](TrainConfig& c) { c.model.act = Activation::silu; }},
      // The product of two small numbers starts slowly: after 500 steps 0.2 behind.
      {"act=swiglu", 0.5, [](TrainConfig& c) { c.model.act = MlpActivation::swiglu; }},
      {"attention=per_head", near, [](TrainConfig& c) { c.model.attention = AttentionForm::per_head; }},
      {"attention=batched", near, [](TrainConfig& c) { c.model.attention = AttentionForm::batched; }},
      {"bias=false", near, [](TrainConfig& c) { c.model.bias = false; }},
      {"qkv_bias=false", near, [](TrainConfig& c) { c.model.qkv_bias = false; }},
      {"n_kv_head=1", near, [](TrainConfig& c) { c.model.n_kv_head = 1; }},
      {"window=8", near, [](TrainConfig& c) { c.model.window = 8; }},
      {"dropout=0.1", 0.2, [](TrainConfig& c) { c.model.dropout = 0.1; }},
      {"residual=false", 1.3, [](TrainConfig& c) { c.model.residual = false; }},
      {"dtype=bf16", near, [](TrainConfig& c) { c.dtype = DType::bf16; }},
      {"dtype=f64", near, [](TrainConfig& c) { c.dtype = DType::f64; }},
      {"recompute", near, [](TrainConfig& c) { c.recompute = true; }},
  };
}

/// Characters as tokens, in the order of their first appearance.
struct Text {
  std::vector<int32_t> tokens;
  int64_t vocab_size = 0;
  explicit Text(const std::string& text) {
    std::map<char, int32_t> ids;
    for (const char c : text)
      tokens.push_back(ids.emplace(c, static_cast<int32_t>(ids.size())).first->second);
    vocab_size = static_cast<int64_t>(ids.size());
  }
};

/// Windows at random places that follow from `number`.
Batch draw(const Text& text, const TrainConfig& config, uint64_t number) {
  const int64_t T = config.model.block_size;
  Batch batch{.rows = config.batch_size, .block_size = T, .tokens = {}, .targets = {}};
  Rng rng(1, number);
  for (int64_t row = 0; row < config.batch_size; ++row) {
    const auto at = text.tokens.begin() +
                    static_cast<std::ptrdiff_t>(rng.below(text.tokens.size() - static_cast<size_t>(T) - 1));
    batch.tokens.insert(batch.tokens.end(), at, at + T);
    batch.targets.insert(batch.targets.end(), at + 1, at + T + 1);
  }
  return batch;
}

/// Nats per character after `steps` steps: the mean of the last tenth of them.
double loss_after(const TrainConfig& config, const Text& text, int64_t steps) {
  const auto model = make_model(config.model, cpu(), config.dtype, config.seed);
  const ScheduleConfig schedule{
      .learning_rate = 3e-3, .min_lr = 3e-4, .warmup_iters = steps / 20, .lr_decay_iters = steps};
  Trainer trainer(*model, config.optimizer, schedule, config.seed);
  trainer.recompute(config.recompute);
  double sum = 0;
  for (int64_t step = 0; step < steps; ++step) {
    const StepResult result = trainer.step(draw(text, config, static_cast<uint64_t>(step)));
    if (step >= steps - steps / 10) sum += result.loss;
  }
  return sum / static_cast<double>(steps / 10);
}

void check_variants(const TrainConfig& config, const Text& text, int64_t steps,
                    const std::vector<Variant>& chosen) {
  const double usual = loss_after(config, text, steps);
  CHECK(usual < 2.6);  // the entropy of single characters is above 2.8
  for (const Variant& variant : chosen) {
    TrainConfig changed = config;
    variant.change(changed);
    const double loss = loss_after(changed, text, steps);
    INFO(variant.name << ": " << loss << " nats per character, the default " << usual);
    CHECK(loss <= usual + variant.distance);
  }
}

TrainConfig small(const Text& text) {
  TrainConfig config{
      .model = {.vocab_size = text.vocab_size, .block_size = 32, .n_layer = 2, .n_head = 2, .n_embd = 32},
      .optimizer = {},
      .schedule = {}};
  config.batch_size = 8;
  return config;
}

}  // namespace

TEST_CASE("variants: a random one, and sinusoids, come close to the default's loss", "[variants]") {
  test::Random random("variants");
  const Text text(generate_tales(500, 1));
  const std::vector<Variant> all = variants();
  const auto drawn = static_cast<size_t>(random.integer(1, static_cast<int64_t>(all.size()) - 1));
  check_variants(small(text), text, 200, test::full() ? all : std::vector{all[0], all[drawn]});
}

TEST_CASE("variants: every one comes close to the default's loss", "[slow][variants]") {
  const auto shakespeare = test::shared("data/tinyshakespeare.txt");
  if (!shakespeare) return;
  const Text text(test::read_file(*shakespeare));
  TrainConfig config = small(text);
  config.model.n_embd = 64;
  config.batch_size = 12;
  for (const uint64_t seed : {uint64_t{1}, uint64_t{2}}) {
    config.seed = seed;
    check_variants(config, text, 500, variants());
  }
}

// What 0.0283 is for: with the paper's sinusoids and no sqrt(n_embd), embeddings of deviation 0.02 drown.
TEST_CASE("variants: unscaled sinusoids learn much less", "[variants]") {
  const Text text(generate_tales(500, 1));
  TrainConfig config = small(text);
  config.model.pos = Positions::sinusoidal;
  const double scaled = loss_after(config, text, 200);
  config.model.pos_scale = 1;
  CHECK(loss_after(config, text, 200) > scaled + 0.2);
}

}  // namespace hewn

// Decoding on a GPU: a token as one graph, which reads its position from device memory. The bits are those of
// kernels launched one by one, the values those of the CPU.

#include "model/generation/token_step.h"

#include <algorithm>
#include <memory>

#include "kernels/devices/devices.h"
#include "model/generation/beam.h"
#include "model/generation/generate.h"
#include "model/kv_cache.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/gpu.h"

namespace hewn {
namespace {

const ModelConfig small_gpt{.vocab_size = 48, .block_size = 16, .n_layer = 2, .n_head = 2, .n_embd = 32};

struct DecodingVariant {
  const char* name;
  ModelConfig config = small_gpt;
  DType dtype = DType::f32;
};

std::vector<DecodingVariant> decoding_variants() {
  std::vector<DecodingVariant> list{{"gpt"}, {"f64", small_gpt, DType::f64}};
  DecodingVariant llama{"llama, window"};
  llama.config.n_head = 4, llama.config.n_kv_head = 2, llama.config.window = 5;
  llama.config.norm = NormKind::rmsnorm;
  llama.config.pos = Positions::rotary;
  llama.config.act = MlpActivation::swiglu;
  llama.config.bias = llama.config.qkv_bias = llama.config.tie = false;
  list.push_back(llama);
  DecodingVariant joined{"positions beside embeddings"};
  joined.config.pos_combine = PosCombine::concat;
  joined.config.pos = Positions::sinusoidal;
  joined.config.tie = false;
  list.push_back(joined);
  DecodingVariant recurrent{"lstm"};
  recurrent.config.arch = "lstm";
  list.push_back(recurrent);
  if (test::full()) list.push_back({"bf16", small_gpt, DType::bf16});
  return list;
}

/// A text whose every token is the likeliest, with all logits.
struct GreedyText {
  GreedyText(Model& model, bool graphs)
      : step(std::make_shared<TokenStep>(model, graphs)), context(model, {}, step) {
    for (const int32_t token : {7, 1, 2}) context.push({token});
  }
  /// Adds n tokens.
  void write(int n) {
    for (; n > 0; --n) {
      const std::vector<double> next = context.next_logits();
      logits.insert(logits.end(), next.begin(), next.end());
      context.push({static_cast<int32_t>(std::max_element(next.begin(), next.end()) - next.begin())});
    }
  }

  std::shared_ptr<TokenStep> step;
  Context context;
  std::vector<double> logits;
};

}  // namespace

TEST_CASE("token graphs: tokens have the same bits as without graphs, and the values of the CPU", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const auto& [name, config, dtype] : decoding_variants()) {
    INFO(name);
    const auto model = make_model(config, *gpu, dtype, 3), here = make_model(config, cpu(), dtype, 3);
    GreedyText replayed(*model, true), plain(*model, false), expected(*here, true);
    for (GreedyText* text : {&replayed, &plain, &expected}) text->write(24);  // more than the block holds
    CHECK(replayed.logits == plain.logits);
    CHECK(test::close_by_norm(replayed.logits, expected.logits, dtype == DType::bf16 ? 1e-2 : 1e-5));
    CHECK(replayed.context.slid());
    CHECK(replayed.step->replays() >= 16);  // not the prompt, the first two tokens, the rebuilt halves
    CHECK(plain.step->replays() == 0);
    CHECK(expected.step->replays() == 0);
  }
}

TEST_CASE("token graphs: several texts, which end at different times", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const std::vector<GenerateRequest> requests{{.prompt = {1}},
                                              {.prompt = {2, 3, 4}, .sample = 1},
                                              {.prompt = {5, 6}, .sample = 2},
                                              {.prompt = {7, 8}}};
  for (const auto& [name, config, dtype] : decoding_variants()) {
    INFO(name);
    const auto model = make_model(config, *gpu, dtype, 3);
    const auto texts = [&](bool graphs) {
      std::vector<std::vector<double>> logits(requests.size());
      generate(*model, requests,
               {.max_new_tokens = 18, .seed = 9, .cuda_graph = graphs, .stop_tokens = {4, 9}}, 3,
               {.token =
                    [&](size_t i, const Generated& g) {
                      logits[i].insert(logits[i].end(), g.logits.begin(), g.logits.end());
                      return logits[i].size() < (6 + 5 * i) * g.logits.size();
                    },
                .done = [](size_t, bool) {}});
      return logits;
    };
    CHECK(texts(true) == texts(false));
  }
}

TEST_CASE("token graphs: memory in use elsewhere is left alone", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const auto model = make_model(small_gpt, *gpu, DType::f32, 3);
  GreedyText replayed(*model, true), plain(*model, false);
  const auto both = [&](int n) {
    replayed.write(n), plain.write(n);
    CHECK(replayed.logits == plain.logits);
  };
  both(5);
  const int64_t before = replayed.step->replays();
  CHECK(before > 0);
  std::vector<Tensor> mine;  // of the sizes of activations, which the pool has
  for (int64_t n = 16; n < 1024; n += 16)
    mine.push_back(Tensor::from(*gpu, std::vector<float>(static_cast<size_t>(n), 7.0f), {n}));
  both(2);
  CHECK(replayed.step->replays() == before);
  both(3);
  CHECK(replayed.step->replays() > before);
  for (const Tensor& t : mine)
    CHECK(t.values<float>() == std::vector<float>(static_cast<size_t>(t.numel()), 7.0f));
}

TEST_CASE("token graphs: the next token uses weights that have changed", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  for (const DType dtype : {DType::f32, DType::bf16}) {
    INFO(name_of(dtype));
    const auto model = make_model(small_gpt, *gpu, dtype, 3), other = make_model(small_gpt, cpu(), dtype, 4);
    GreedyText replayed(*model, true), plain(*model, false);
    const auto both = [&](int n) { replayed.write(n), plain.write(n); };
    both(2);  // also allocates the inputs of both
    both(3);
    for (Parameter& p : model->parameters().all()) {
      const std::vector<float> values = other->parameters().find(p.name)->value.values<float>();
      p.value.upload(values.data());
      p.value.changed();
    }
    both(4);
    CHECK(replayed.logits == plain.logits);
    CHECK(replayed.step->replays() == 6);
  }
}

TEST_CASE("token graphs: a cache whose sequences were selected is captured again", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const auto model = make_model(small_gpt, *gpu, DType::f32, 3);
  std::vector<std::vector<double>> logits[2];
  for (const bool graphs : {true, false}) {
    const auto step = std::make_shared<TokenStep>(*model, graphs);
    Context context(*model, {}, step);
    context.push({3});
    (void)context.next_logits();
    context.select({0, 0, 0});
    for (int32_t n = 0; n < 9; ++n) {
      if (n == 4) context.select({2, 0, 1});
      context.push({n, n + 7, n + 20});
      logits[graphs].push_back(context.next_logits());
    }
    CHECK(step->replays() == (graphs ? 5 : 0));  // each time from the third token on
  }
  CHECK(logits[true] == logits[false]);
  const BeamOptions beams{.beams = 3, .max_new_tokens = 10};
  const auto here = make_model(small_gpt, cpu(), DType::f32, 3);
  CHECK(beam_search(*model, {1, 2}, beams)[0].tokens == beam_search(*here, {1, 2}, beams)[0].tokens);
}

TEST_CASE("token graphs: a token outside the vocabulary is an error", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const auto model = make_model(small_gpt, *gpu, DType::f32, 3);
  KvCache cache(small_gpt, *gpu, DType::f32, 1, 16);
  TokenStep step(*model);
  CHECK_THROWS_AS(step.logits({48}, {.cache = &cache}), Error);
  CHECK(cache.length() == 0);
}

}  // namespace hewn

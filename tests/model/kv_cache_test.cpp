#include "model/kv_cache.h"

#include <algorithm>

#include "kernels/devices/devices.h"
#include "model/generation/context.h"
#include "model/model.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

/// GPT-2-like and Llama-like, with sizes that fill no vector.
ModelConfig odd_config(bool llama) {
  ModelConfig config;
  config.block_size = 200;
  config.vocab_size = 83;
  config.n_layer = 2;
  config.n_head = 2;
  config.n_embd = 52;
  if (llama) {
    config.n_head = 4;
    config.n_embd = 40;
    config.n_kv_head = 2;
    config.pos = Positions::rotary;
    config.norm = NormKind::rmsnorm;
    config.act = MlpActivation::swiglu;
    config.window = 90;
    config.tie = false;
  }
  return config;
}

std::unique_ptr<Model> odd_model(bool llama, bool bf16) {
  return make_model(odd_config(llama), cpu(), bf16 ? DType::bf16 : DType::f32, 7, false);
}

std::vector<int32_t> random_tokens(test::Random& random, int64_t n) {
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < n; ++i) tokens.push_back(static_cast<int32_t>(random.integer(0, 82)));
  return tokens;
}

/// Logits of the last of the tokens, which go through the model `piece` at a time; 0: at once, without a cache.
std::vector<double> last_logits(Model& model, const std::vector<int32_t>& tokens, int64_t piece) {
  const NoGrad none;
  const auto n = std::ssize(tokens);
  if (piece == 0) return model.logits(Tensor::from(cpu(), tokens, {1, n}), {.last_only = true}).doubles();
  const auto cache = model.make_cache(1, n);
  std::vector<double> logits;
  for (int64_t t = 0; t < n; t += piece) {
    const std::vector<int32_t> some(tokens.begin() + t, tokens.begin() + std::min(n, t + piece));
    logits = model
                 .logits(Tensor::from(cpu(), some, {1, std::ssize(some)}),
                         {.cache = cache.get(), .last_only = true})
                 .doubles();
  }
  return logits;
}

}  // namespace

TEST_CASE("cache: a text's logits have the same bits in pieces, at once and without a cache") {
  const bool llama = GENERATE(false, true), bf16 = GENERATE(false, true);
  const auto model = odd_model(llama, bf16);
  test::Random random("pieces");
  for (const int64_t n : {1, 5, 63, 64, 65, 140}) {
    const auto tokens = random_tokens(random, n);
    const auto whole = last_logits(*model, tokens, 0);
    for (const int64_t piece : {int64_t{1}, int64_t{7}, int64_t{64}, n}) {
      INFO((llama ? "llama" : "gpt2") << (bf16 ? ", bf16, " : ", ") << n << " tokens in pieces of " << piece);
      CHECK(last_logits(*model, tokens, piece) == whole);
    }
  }
}

TEST_CASE("cache: texts continued together have the logits that each has alone") {
  const bool llama = GENERATE(false, true), bf16 = GENERATE(false, true);
  const auto model = odd_model(llama, bf16);
  const NoGrad none;
  test::Random random("together");
  std::vector<std::vector<int32_t>> texts;
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<Context*> all;
  for (int64_t i = 0; i < 20; ++i) {
    texts.push_back(random_tokens(random, 1 + i * 7 % 70));
    contexts.push_back(std::make_unique<Context>(*model));
    for (const int32_t token : texts.back()) contexts.back()->push({token});
    all.push_back(contexts.back().get());
  }
  for (int step = 0; step < 3; ++step) {
    const auto together = Context::next_logits(all);
    for (size_t i = 0; i < texts.size(); ++i) {
      CHECK(together[i] == last_logits(*model, texts[i], 0));
      texts[i].push_back(static_cast<int32_t>(random.integer(0, 82)));
      all[i]->push({texts[i].back()});
    }
  }
}

TEST_CASE("cache: texts that begin alike share what is computed, and have their own logits") {
  const bool llama = GENERATE(false, true);
  const auto model = odd_model(llama, false);
  const NoGrad none;
  test::Random random("beginnings");
  const auto common = random_tokens(random, 100);
  std::vector<std::vector<int32_t>> texts;
  std::vector<std::unique_ptr<Context>> contexts;
  std::vector<Context*> all;
  for (const int64_t shared : {100, 64, 100, 70, 0, 99, 100}) {
    texts.emplace_back(common.begin(), common.begin() + shared);
    for (const int32_t token : random_tokens(random, shared % 3)) texts.back().push_back(token);
    if (texts.back().empty()) texts.back() = {5};
    contexts.push_back(std::make_unique<Context>(*model));
    for (const int32_t token : texts.back()) contexts.back()->push({token});
    all.push_back(contexts.back().get());
  }
  for (int step = 0; step < 40; ++step) {  // past the ends of pages
    const auto together = Context::next_logits(all);
    for (size_t i = 0; i < texts.size(); ++i) {
      if (step % 13 == 0) CHECK(together[i] == last_logits(*model, texts[i], 0));
      texts[i].push_back(static_cast<int32_t>(random.integer(0, 82)));
      all[i]->push({texts[i].back()});
    }
  }
}

TEST_CASE("cache: pages are allocated as texts grow, and shared until one writes there") {
  const ModelConfig config = odd_config(false);
  KvCache cache(config, cpu(), DType::f32, 1, 200);
  REQUIRE(cache.in_pages());
  CHECK(cache.sequence(0).pages.empty());
  cache.make_room(65);
  CHECK(cache.sequence(0).pages.size() == 2);
  CHECK(cache.sequence(0).pages[0].numel() == 2 * cache.layout().bytes());
  cache.advance(65);
  cache.select({0, 0});
  const auto page = [&](size_t b, size_t i) { return cache.sequence(b).pages[i].data(); };
  CHECK(page(0, 0) == page(1, 0));
  CHECK(page(0, 1) == page(1, 1));
  cache.make_room(1);  // writes to the second page
  CHECK(page(0, 0) == page(1, 0));
  CHECK(page(0, 1) != page(1, 1));
  CHECK_THROWS_WITH(cache.make_room(136), Catch::Contains("do not fit"));
}

TEST_CASE("cache: a copy that is cut back does not change the original") {
  const auto model = odd_model(true, false);
  const NoGrad none;
  test::Random random("cut");
  const auto tokens = random_tokens(random, 100);
  const auto run = [&](KvCache& cache, int64_t from, int64_t n) {
    const std::vector<int32_t> some(tokens.begin() + from, tokens.begin() + from + n);
    return model->logits(Tensor::from(cpu(), some, {1, n}), {.cache = &cache, .last_only = true}).doubles();
  };
  KvCache original(model->config(), cpu(), DType::f32, 1, 200);
  run(original, 0, 90);
  KvCache copy(original);
  copy.cut(30);
  run(copy, 60, 40);
  CHECK(run(original, 90, 10) == last_logits(*model, tokens, 0));
}

}  // namespace hewn

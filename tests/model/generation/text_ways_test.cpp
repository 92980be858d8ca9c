#include "model/generation/text_ways.h"

#include <algorithm>

#include "kernels/devices/devices.h"
#include "model/kv_cache.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

std::unique_ptr<Model> small_model(bool llama, DType dtype = DType::f32) {
  ModelConfig config{.vocab_size = 67, .block_size = 150, .n_layer = 2, .n_head = 2, .n_embd = 44};
  if (llama) {
    config.n_kv_head = 1;
    config.pos = Positions::rotary;
    config.norm = NormKind::rmsnorm;
    config.act = MlpActivation::swiglu;
  }
  return make_model(config, cpu(), dtype, 5, false);
}

const auto never = [] { return false; };

}  // namespace

TEST_CASE("text ways: random prompts have all lengths, and some begin like the one before") {
  const auto prompts = random_prompts(400, 20, 67, test::run_seed());
  CHECK(prompts == random_prompts(400, 20, 67, test::run_seed()));
  CHECK(prompts != random_prompts(400, 20, 67, test::run_seed() + 1));
  std::vector<bool> lengths(21);
  int alike = 0;
  for (size_t i = 0; i < prompts.size(); ++i) {
    REQUIRE((!prompts[i].empty() && prompts[i].size() <= 20));
    lengths[prompts[i].size()] = true;
    for (const int32_t token : prompts[i]) CHECK((token >= 0 && token < 67));
    const size_t half = i == 0 ? 0 : std::min(prompts[i].size(), (prompts[i - 1].size() + 1) / 2);
    alike += half > 2 && std::equal(prompts[i].begin(), prompts[i].begin() + static_cast<int64_t>(half),
                                    prompts[i - 1].begin());
  }
  CHECK(std::count(lengths.begin(), lengths.end(), true) == 20);
  CHECK(alike > 50);
}

TEST_CASE("text ways: all of them lead to the same bits, whatever the format of keys and values") {
  const bool llama = GENERATE(false, true);
  for (const KvFormat kv : {KvFormat::f32, KvFormat::bf16, KvFormat::q8_0}) {
    const auto model = small_model(llama);
    const auto prompts = random_prompts(20, 140, 67, test::run_seed());
    const auto sums = [&](TextWay way) {
      way.context.kv = kv;
      return checksums_of_logits(*model, prompts, 4, way, never);
    };
    const auto alone = sums({"alone"});
    CHECK(alone.size() == 80);
    CHECK(std::adjacent_find(alone.begin(), alone.end()) == alone.end());
    for (const TextWay& way : {TextWay{"pieces", 1, 1}, TextWay{"pieces", 1, 7}, TextWay{"pieces", 1, 64},
                               TextWay{"company", 3}, TextWay{"company", 16}, TextWay{"both", 5, 9}}) {
      INFO((llama ? "llama, " : "gpt2, ") << way.at_once << " at a time, pieces of " << way.piece);
      CHECK(sums(way) == alone);
    }
    CHECK((sums({"without", 1, 0, {.cache = false}}) == alone) == (kv == KvFormat::f32));
  }
}

TEST_CASE("text ways: end when asked to") {
  const auto model = small_model(false);
  int asked = 0;
  const auto sums =
      checksums_of_logits(*model, random_prompts(5, 9, 67, 1), 4, {"alone"}, [&] { return ++asked > 12; });
  CHECK(sums.size() == 8);  // a text asks five times
}

TEST_CASE("kv: rounded keys and values change logits a little, and are only for pages") {
  const bool llama = GENERATE(false, true);
  const auto model = small_model(llama);
  const auto prompt = random_prompts(1, 140, 67, test::run_seed())[0];
  const NoGrad none;
  const auto logits = [&](KvFormat kv) {
    Context context(*model, {.kv = kv});
    for (const int32_t token : prompt) context.push({token});
    return context.next_logits();
  };
  const auto exact = logits(KvFormat::f32);
  const double largest = std::abs(*std::max_element(
      exact.begin(), exact.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }));
  for (const auto& [kv, bound] : {std::pair(KvFormat::bf16, 0.01), std::pair(KvFormat::q8_0, 0.02)}) {
    const auto rounded = logits(kv);
    double apart = 0;
    for (size_t i = 0; i < exact.size(); ++i) apart = std::max(apart, std::abs(rounded[i] - exact[i]));
    INFO(name_of(kv) << ": " << apart << " of " << largest);
    CHECK(apart < bound * largest);
    CHECK((apart > 0 || prompt.size() == 1));
  }
  const auto in_doubles = small_model(llama, DType::f64);
  CHECK_THROWS_WITH(Context(*in_doubles, {.kv = KvFormat::bf16}), Catch::Contains("kv = bf16"));
  const auto lstm = make_model({.arch = "lstm", .vocab_size = 67, .n_embd = 8}, cpu(), DType::f32, 1, false);
  CHECK_THROWS_WITH(Context(*lstm, {.kv = KvFormat::q8_0}), Catch::Contains("arch = lstm"));
}

}  // namespace hewn

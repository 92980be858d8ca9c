#include "train/inspect/lens/logit_lens.h"

#include <algorithm>
#include <cmath>

#include "kernels/activation/op.h"
#include "tests/support/close.h"
#include "tests/train/tiny.h"
#include "train/inspect/lens/pass.h"

namespace hewn::test {
namespace {

struct Looked {
  std::unique_ptr<Model> model;
  std::vector<int32_t> tokens, targets;
  LensPass pass;
  double loss = 0;
  Gpt& gpt() const { return dynamic_cast<Gpt&>(*model); }
};

std::unique_ptr<Looked> look(const ModelConfig& config, DType dtype = DType::f64) {
  Random random("logit lens");
  std::vector<int32_t> ids;
  for (int64_t i = 0; i <= config.block_size; ++i)
    ids.push_back(static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));
  auto looked = std::make_unique<Looked>(Looked{.model = make_model(config, cpu(), dtype, 3),
                                                .tokens = {ids.begin(), ids.end() - 1},
                                                .targets = {ids.begin() + 1, ids.end()},
                                                .pass = LensPass(config)});
  looked->loss = run_pass(*looked->model, looked->tokens, looked->targets, looked->pass);
  return looked;
}

std::vector<double> softmax_of(std::vector<double> row) {
  double sum = 0;
  for (double& v : row) sum += v = std::exp(v);
  for (double& v : row) v /= sum;
  return row;
}

ModelConfig llama() {
  ModelConfig config = tiny_model();
  config.pos = Positions::rotary, config.norm = NormKind::rmsnorm, config.act = MlpActivation::swiglu,
  config.tie = false, config.bias = false, config.n_kv_head = 1;
  return config;
}
ModelConfig after_norms() {
  ModelConfig config = tiny_model();
  config.norm_place = NormPlace::post, config.pos = Positions::sinusoidal,
  config.pos_combine = PosCombine::concat;
  config.tie = false;
  return config;
}

}  // namespace

TEST_CASE("logit lens: after the last block it gives the model's own predictions", "[lens]") {
  for (const ModelConfig& config : {tiny_model(), llama(), after_norms()}) {
    const auto looked = look(config);
    REQUIRE(looked->pass.stream().size() == 3);
    for (const Tensor& x : looked->pass.stream()) REQUIRE(x.defined());
    const std::vector<double> logits =
        looked->model->logits(Tensor::from(cpu(), looked->tokens, {1, config.block_size})).doubles();
    const std::vector<LensCell> cells =
        lens_cells(looked->gpt(), looked->pass.stream().back(), looked->targets, 3);
    const auto V = static_cast<size_t>(config.vocab_size);
    double loss = 0;
    for (size_t t = 0; t < cells.size(); ++t) {
      const std::vector<double> p = softmax_of({logits.begin() + static_cast<std::ptrdiff_t>(t * V),
                                                logits.begin() + static_cast<std::ptrdiff_t>((t + 1) * V)});
      const double target = p[static_cast<size_t>(looked->targets[t])];
      CHECK(near(cells[t].target, target, 1e-9));
      CHECK(cells[t].rank == std::count_if(p.begin(), p.end(), [&](double q) { return q > target; }));
      CHECK(cells[t].top[0].token == std::max_element(p.begin(), p.end()) - p.begin());
      CHECK(near(cells[t].top[0].share, *std::max_element(p.begin(), p.end()), 1e-9));
      loss -= std::log(cells[t].target) / static_cast<double>(cells.size());
    }
    CHECK(near(loss, looked->loss, 1e-9));
    // The embeddings alone predict something else.
    CHECK(std::fabs(lens_cells(looked->gpt(), looked->pass.stream()[0], looked->targets, 3)[4].target -
                    cells[4].target) > 1e-6);
  }
}

TEST_CASE("gradient lens: what it says of the head is the gradient that the tape computes", "[lens]") {
  ModelConfig config = tiny_model();
  config.tie = false;
  const auto looked = look(config);
  const HeadPush push = head_push(looked->gpt(), looked->pass.stream().back(), looked->targets, 4);
  const std::vector<double> gradient =
      grad_of(looked->model->parameters().find("lm_head.weight")->value).doubles();
  const std::vector<double> states = looked->gpt().head_input(looked->pass.stream().back()).doubles();
  const auto V = static_cast<size_t>(config.vocab_size), C = static_cast<size_t>(config.n_embd),
             T = looked->targets.size();
  std::vector<double> rises(V);
  for (size_t v = 0; v < V; ++v) {
    double square = 0;
    for (size_t c = 0; c < C; ++c) {
      square += gradient[v * C + c] * gradient[v * C + c];
      for (size_t t = 0; t < T; ++t)
        rises[v] -= gradient[v * C + c] * states[t * C + c] / static_cast<double>(T);
    }
    CHECK(near(push.row_norms[v], std::sqrt(square), 1e-9));
  }
  const auto highest = std::max_element(rises.begin(), rises.end());
  CHECK(push.up[0].token == highest - rises.begin());
  CHECK(near(push.up[0].share, *highest, 1e-9));
  CHECK(near(push.down[0].share, *std::min_element(rises.begin(), rises.end()), 1e-9));
  for (size_t t = 0; t < T; ++t) {
    CHECK(push.positions[t].target == looked->targets[t]);
    for (const TokenShare& other : push.positions[t].down) CHECK(other.token != looked->targets[t]);
  }
}

TEST_CASE("a pass keeps what enters and leaves the activation", "[lens]") {
  const auto plain = look(tiny_model());
  const auto gated = look(llama());
  for (size_t layer = 0; layer < 2; ++layer) {
    const MlpUnits& units = plain->pass.units()[layer];
    CHECK(units.F == 64);
    REQUIRE(units.before.size() == 8 * 64);
    const Tensor z = Tensor::from(cpu(), units.before, {8, 64});
    CHECK(close_abs(units.after, activation(Activation::gelu_tanh, z).doubles(), 1e-12));
    const MlpUnits& half = gated->pass.units()[layer];
    CHECK(half.F == 64);
    REQUIRE(half.before.size() == 8 * 64);
    REQUIRE(half.after.size() == 8 * 64);
    for (size_t i = 0; i < half.after.size(); ++i)  // silu(gate) up is zero only where the gate is
      CHECK((half.before[i] != 0) == (half.after[i] != 0));
  }
  size_t backward = 0;
  for (const MemoryMoment& moment : plain->pass.memory()) backward += moment.backward ? 1 : 0;
  CHECK(2 * backward == plain->pass.memory().size());
}

}  // namespace hewn::test

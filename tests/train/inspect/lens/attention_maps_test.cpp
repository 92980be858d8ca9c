#include "train/inspect/lens/attention_maps.h"

#include <cmath>
#include <functional>
#include <string_view>

#include "kernels/attention/op.h"
#include "kernels/elementwise/op.h"
#include "tests/support/close.h"
#include "tests/support/errors.h"
#include "tests/train/tiny.h"
#include "train/inspect/lens/pass.h"

namespace hewn::test {
namespace {

/// Keeps what the attention nodes of a pass saved, and the weights of composed ones.
class Watcher final : public TapeObserver {
 public:
  void recorded(const Node& node, const Tensor& y) override {
    if (std::string_view(node.info().name).find("softmax") != std::string_view::npos)
      weights.push_back(y.doubles());
    for (const SavedField& field : node.saved())
      if (field.name == std::string_view("qkv")) projections.push_back(field.value->peek().doubles());
  }
  std::vector<std::vector<double>> projections, weights;
};

struct Read {
  std::unique_ptr<Model> model;
  std::vector<int32_t> tokens, targets;
};

Read read_by(ModelConfig config, DType dtype = DType::f32) {
  Random random("attention maps");
  const Batch batch = random_batch(random, config, 1);
  Read read{make_model(config, cpu(), dtype, 7), batch.tokens, batch.targets};
  for (const Parameter& p :
       read.model->parameters().all()) {  // sharper attention than that of small initial weights
    if (!p.name.ends_with("c_attn.weight")) continue;
    std::vector<double> values = p.value.doubles();
    if (p.value.dtype() == DType::f64) {
      for (double& v : values) v *= 12;
      Tensor(p.value).upload(values.data());
    } else {
      std::vector<float> narrow;
      for (const double v : values) narrow.push_back(static_cast<float>(12 * v));
      Tensor(p.value).upload(narrow.data());
    }
  }
  return read;
}

void observe(const Read& read, TapeObserver& observer) {
  const Shape shape{1, std::ssize(read.tokens)};
  Tape tape;
  tape.observe(&observer);
  read.model->loss(Tensor::from(cpu(), read.tokens, shape), Tensor::from(cpu(), read.targets, shape));
}

// softmax(q k^T / sqrt(D)) of one head, in double precision, without the saved log-sums.
std::vector<double> explicit_softmax(const std::vector<double>& qkv, const ModelConfig& config, int64_t h) {
  const int64_t T = config.block_size, D = config.head_size(), row = config.qkv_size(),
                kv = h / (config.n_head / config.kv_heads());
  std::vector<double> p(static_cast<size_t>(T * T));
  for (int64_t i = 0; i < T; ++i) {
    double sum = 0;
    for (int64_t j = 0; j <= i; ++j) {
      if (config.window > 0 && i - j >= config.window) continue;
      double s = 0;
      for (int64_t d = 0; d < D; ++d)
        s += qkv[static_cast<size_t>(i * row + h * D + d)] *
             qkv[static_cast<size_t>(j * row + (config.n_head + kv) * D + d)];
      sum += p[static_cast<size_t>(i * T + j)] = std::exp(s / std::sqrt(static_cast<double>(D)));
    }
    for (int64_t j = 0; j <= i; ++j) p[static_cast<size_t>(i * T + j)] /= sum;
  }
  return p;
}

std::vector<double> head_of(const AttentionMaps& maps, int64_t h) {
  const auto size = static_cast<std::ptrdiff_t>(maps.T * maps.T);
  return {maps.p.begin() + h * size, maps.p.begin() + (h + 1) * size};
}

}  // namespace

TEST_CASE("attention maps: rows equal an explicit softmax, in every form", "[lens]") {
  struct Variant {
    const char* what;
    ModelConfig config;
    DType dtype;
    double tolerance;
  };
  ModelConfig plain = tiny_model(), grouped = plain, window = plain, rotary = plain, both = plain;
  grouped.n_head = 4, grouped.n_kv_head = 2;
  window.window = 3;
  rotary.pos = Positions::rotary, rotary.norm = NormKind::rmsnorm, rotary.act = MlpActivation::swiglu,
  rotary.bias = false;
  both = grouped, both.window = 2, both.pos = Positions::rotary;
  for (const Variant& v :
       {Variant{"plain", plain, DType::f32, 1e-6}, Variant{"grouped heads", grouped, DType::f32, 1e-6},
        Variant{"window", window, DType::f32, 1e-6}, Variant{"Llama", rotary, DType::f32, 1e-6},
        Variant{"all", both, DType::f64, 1e-12}, Variant{"bf16", plain, DType::bf16, 1e-6}}) {
    INFO(v.what);
    const Read read = read_by(v.config, v.dtype);
    LensPass pass(read.model->config());
    run_pass(*read.model, read.tokens, read.targets, pass);
    Watcher watcher;
    observe(read, watcher);
    REQUIRE(pass.attention().size() == 2);
    double most = 0;
    for (size_t layer = 0; layer < 2; ++layer)
      for (int64_t h = 0; h < v.config.n_head; ++h) {
        const std::vector<double> found = head_of(pass.attention()[layer], h);
        CHECK(close_abs(found, explicit_softmax(watcher.projections[layer], v.config, h), v.tolerance));
        for (size_t i = 0; i < found.size(); ++i) most = std::max(most, i % 8 != i / 8 ? found[i] : 0);
      }
    CHECK(most > 0.3);  // attention that says something
  }
}

TEST_CASE("attention maps: equal the weights of attention composed of simple operations", "[lens]") {
  ModelConfig config = tiny_model();
  const Read fused = read_by(config);
  config.attention = AttentionForm::batched;
  const Read composed = read_by(config);
  LensPass pass(fused.model->config());
  run_pass(*fused.model, fused.tokens, fused.targets, pass);
  Watcher watcher;
  observe(composed, watcher);
  REQUIRE(watcher.weights.size() == 2);
  for (size_t layer = 0; layer < 2; ++layer)
    CHECK(close_abs(pass.attention()[layer].p, watcher.weights[layer], 1e-5));
}

TEST_CASE("attention maps: another operation, and other heads than the configuration's, are refused",
          "[lens]") {
  struct First final : TapeObserver {
    std::function<void(const Node&)> look;
    void recorded(const Node& node, const Tensor&) override {
      if (node.info().name == std::string_view("causal_attention_packed")) look(node);
    }
  } first;
  const ModelConfig config = tiny_model();
  ModelConfig heads = config, wider = config;
  heads.n_head = 4;
  wider.n_embd = 20;
  int seen = 0;
  first.look = [&](const Node& node) {
    ++seen;
    CHECK(attention_maps(node, config).T == config.block_size);
    CHECK(
        fails(ErrorCode::usage, {"expected one sequence of 4 heads"}, [&] { attention_maps(node, heads); }));
    CHECK(
        fails(ErrorCode::usage, {"expected one sequence of 2 heads"}, [&] { attention_maps(node, wider); }));
  };
  observe(read_by(config), first);
  CHECK(seen == config.n_layer);

  Tensor x = Tensor::from(cpu(), std::vector<double>{1}, {1});
  require_grad(x, "x");
  Tape tape;
  (void)scale(x, 2);
  CHECK(fails(ErrorCode::failed, {"scale saved no qkv"}, [&] { attention_maps(*tape.node(0), config); }));
}

TEST_CASE("attention maps: several sequences are refused", "[lens]") {
  const ModelConfig config = tiny_model();
  const int64_t T = 3, row = config.qkv_size();
  Tensor two = Tensor::from(cpu(), std::vector<double>(static_cast<size_t>(2 * T * row), 0.5), {2, T, row});
  require_grad(two, "two");
  Tape tape;
  (void)causal_attention(two, {.n_head = config.n_head});
  CHECK(fails(ErrorCode::usage, {"expected one sequence"}, [&] { attention_maps(*tape.node(0), config); }));
}

TEST_CASE("attention maps: figures of heads", "[lens]") {
  // Query 0 sees itself; query 1 half itself, half the previous; query 2 the previous only.
  const AttentionMaps maps{.H = 1, .T = 3, .p = {1, 0, 0, 0.5, 0.5, 0, 0, 1, 0}};
  const HeadFigures figures = figures_of(maps, 0);
  CHECK(near(figures.entropy, std::log(2.0) / 2));
  CHECK(near(figures.distance, (0.5 + 1) / 2));
  CHECK(near(figures.previous, (0.5 + 1) / 2));
  // Tokens a b a b: query 2 should look at token 1, query 3 at token 2.
  AttentionMaps repeats{.H = 1, .T = 4, .p = std::vector<double>(16)};
  repeats.p[2 * 4 + 1] = 0.75, repeats.p[3 * 4 + 2] = 0.25, repeats.p[3 * 4 + 3] = 0.75;
  CHECK(near(induction_score(repeats, 0, 2), 0.5));
  CHECK(induction_score(repeats, 0, 4) == 0);
}

}  // namespace hewn::test

// The gradient check of whole models: right gradients pass, classic mistakes are found and recognised.

#include "train/inspect/gradcheck/gradient_check.h"

#include <cmath>
#include <string>
#include <vector>

#include "tests/train/tiny.h"
#include "train/inspect/gradcheck/deliberate.h"

using namespace hewn;
using namespace hewn::test;

namespace {

GradientCheck checked(const ModelConfig& config, const std::vector<Batch>& batches, int64_t entries = 16,
                      bool recompute = false) {
  const auto model = make_model(config, cpu(), DType::f64, run_seed());
  LossProbe probe(*model, batches, 7, recompute);
  return check_gradients(probe, {.max_entries = entries, .seed = run_seed()});
}

/// With every part that a mistake needs.
ModelConfig whole_model() {
  ModelConfig config = tiny_model();
  config.n_layer = 1;
  config.n_head = 4;
  config.attention = AttentionForm::batched;
  config.dropout = 0.1;
  return config;
}

ModelConfig random_model(Random& random) {
  ModelConfig config = tiny_model();
  config.n_layer = random.integer(1, 2);
  config.n_head = 4;
  config.n_kv_head = random.integer(0, 1) == 0 ? 4 : 2;
  config.bias = random.integer(0, 1) == 0;
  config.tie = random.integer(0, 1) == 0;
  config.norm = random.integer(0, 1) == 0 ? NormKind::layernorm : NormKind::rmsnorm;
  config.dropout = random.integer(0, 2) == 0 ? 0.2 : 0;
  const std::vector<std::string> acts{"gelu", "relu", "swiglu", "gelu_erf"};
  parse_name(acts[static_cast<size_t>(random.integer(0, 3))], config.act);
  const std::vector<AttentionForm> kinds{AttentionForm::fused, AttentionForm::batched,
                                         AttentionForm::per_head};
  config.attention = kinds[static_cast<size_t>(random.integer(0, 2))];
  return config;
}

}  // namespace

/// Checks random models, each with its own batches.
void check_random_models(int models) {
  Random random("gradcheck models");
  for (int i = 0; i < models; ++i) {
    const ModelConfig config = random_model(random);
    std::vector<Batch> batches;
    for (int64_t n = random.integer(1, 2); n > 0; --n) batches.push_back(random_batch(random, config, 2));
    const GradientCheck check = checked(config, batches, 4, random.integer(0, 1) == 0);
    INFO("model " << i << ", error " << check.direction);
    CHECK(check.right());
    CHECK(check.kink.empty());
    CHECK(!check.wrong_direction);
    CHECK(check.direction < 1e-5);  // with what rounding causes where slopes nearly vanish
    for (const CheckedTensor& t : check.tensors) {
      INFO(t.name << ": error " << t.error() << ", " << t.worst.tape << " on the tape, " << t.worst.measured);
      CHECK(!t.wrong());
      CHECK(t.entries > 0);
    }
  }
}

TEST_CASE("gradcheck: right gradients pass in every kind of model") { check_random_models(10); }

TEST_CASE("gradcheck: a thousand random models raise no false alarm", "[slow]") {
  if (left_out()) return;
  check_random_models(1000);
}

TEST_CASE("gradcheck: every gradient of the usual models is exact to 1e-7 by norm") {
  const ModelConfig gpt2 = tiny_model();
  ModelConfig llama = gpt2, bigram = gpt2, untied = gpt2;
  llama.n_head = 4, llama.n_kv_head = 2, llama.bias = false, llama.tie = false;
  llama.norm = NormKind::rmsnorm, llama.pos = Positions::rotary;
  parse_name("swiglu", llama.act);
  bigram.arch = "bigram";
  untied.tie = false;
  struct Checked {
    const char* name;
    const ModelConfig& config;
    int64_t batches;
    bool recompute;
  };
  for (const Checked& c : {Checked{"GPT-2, tied", gpt2, 1, false}, Checked{"untied", untied, 1, false},
                           Checked{"Llama", llama, 1, false}, Checked{"bigram", bigram, 1, false},
                           Checked{"recomputed", gpt2, 1, true}, Checked{"accumulated", gpt2, 3, false},
                           Checked{"Llama, accumulated and recomputed", llama, 2, true}}) {
    Random random("gradcheck usual models");
    std::vector<Batch> batches;
    for (int64_t n = 0; n < c.batches; ++n) batches.push_back(random_batch(random, c.config, 2));
    const GradientCheck check = checked(c.config, batches, 8, c.recompute);
    INFO(c.name);
    CHECK(check.right());
    CHECK(check.direction < 1e-7);
    for (const CheckedTensor& tensor : check.tensors) {
      INFO(tensor.name << ": " << tensor.error() << " by entries, " << tensor.direction << " in a direction");
      CHECK(tensor.entries > 0);
      CHECK(tensor.error() < 1e-7);
      CHECK(tensor.direction < 1e-7);
    }
  }
}

TEST_CASE("gradcheck: classic mistakes are found where they are, and most are recognised") {
  if (left_out()) return;
  struct Expected {
    const char *mistake, *said, *node;
  };
  constexpr Expected expected[] = {
      {"no-add", "replaced what had arrived before", "h.0.ln_2 layernorm"},
      {"one-of-tied", "embedding contributes nothing", "embed embedding"},
      {"no-mask", "such as masked ones, have a gradient", "h.0.attn causal_softmax"},
      {"no-scale", "the head size D", "h.0.attn scale"},
      {"softmax-no-dot", "the sum of dy y over the row is not subtracted", "h.0.attn causal_softmax"},
      {"norm-no-means", "the means over the row are not taken out", "ln_f layernorm"},
      {"transposed-dW", "transposed", "h.0.attn.c_attn linear"},
      {"bias-one-row", "the sum over the rows is missing", "h.0.attn.c_attn linear"},
      {"sum-for-mean", "the number of targets", "head linear_cross_entropy"},
      {"wrong-gelu", "slightly different function", "h.0.mlp.c_fc linear"},
      {"stale-mask", "the mask is another one", "h.0.mlp dropout"},
      {"not-cleared", "it was not cleared", "embed embedding"}};
  REQUIRE(std::size(expected) == mistakes().size());
  Random random("gradcheck mistakes");
  const std::vector<Batch> batches{random_batch(random, whole_model(), 3)};
  int recognised = 0;
  for (const auto& [name, said, node] : expected) {
    const Mistake* mistake = find_mistake(name);
    REQUIRE(mistake);
    const auto model = make_model(whole_model(), cpu(), DType::f64, 5);
    for (Parameter& p : model->parameters().all())  // as in a trained model, GELU's curve is reached
      if (p.name.find("c_fc.weight") != std::string::npos) {
        std::vector<double> values = p.value.doubles();
        for (double& v : values) v *= 20;
        p.value.upload(values.data());
      }
    LossProbe probe(*model, batches, 7, false);
    MistakeMaker maker(*mistake, "", probe.targets());
    probe.backward(&maker);
    CHECK(maker.changes() + (std::string_view(name) == "not-cleared") > 0);
    const GradientCheck check = check_gradients(probe, {.max_entries = 4, .seed = 3, .edits = &maker});
    INFO(name);
    REQUIRE(!check.right());
    bool says = false, names_node = false;
    std::string all;
    for (const WrongPlace& place : check.places) {
      all += place.tensor + "; " + place.users + "; " + place.mistake + "\n";
      says = says || place.mistake.find(said) != std::string::npos;
      names_node = names_node || place.users.find(node) != std::string::npos;
      CHECK(!place.tensor.empty());
    }
    recognised += says;
    INFO(all);
    CHECK(names_node);
    if (!says) WARN(name << " is not recognised: " << all);
  }
  CHECK(recognised >= 10);
}

TEST_CASE("gradcheck: another mask is found where dropout leaves few elements") {
  ModelConfig config = whole_model();
  config.dropout = 0.9;
  Random random("gradcheck few left");
  const std::vector<Batch> batches{random_batch(random, config, 3)};
  const auto model = make_model(config, cpu(), DType::f64, 5);
  LossProbe probe(*model, batches, 7, false);
  MistakeMaker maker(*find_mistake("stale-mask"), "h.0.mlp", probe.targets());
  const GradientCheck check = check_gradients(probe, {.max_entries = 4, .edits = &maker});
  REQUIRE(check.places.size() == 1);
  CHECK(check.places[0].users.find("h.0.mlp dropout") != std::string::npos);
}

TEST_CASE("gradcheck: a mistake in one part of the model is found there") {
  ModelConfig config = whole_model();
  config.n_layer = 3;
  Random random("gradcheck scope");
  const std::vector<Batch> batches{random_batch(random, config, 2)};
  const auto model = make_model(config, cpu(), DType::f64, 5);
  LossProbe probe(*model, batches, 7, false);
  MistakeMaker maker(*find_mistake("softmax-no-dot"), "h.1", probe.targets());
  const GradientCheck check = check_gradients(probe, {.max_entries = 2, .edits = &maker});
  REQUIRE(check.places.size() == 1);
  CHECK(check.places[0].users.find("h.1.attn causal_softmax") != std::string::npos);
  for (const CheckedTensor& t : check.tensors) {
    INFO(t.name);
    if (t.name.starts_with("transformer.h.2") || t.name.starts_with("transformer.ln_f")) CHECK(!t.wrong());
  }
}

TEST_CASE("gradcheck: of several batches, too, only embeddings are forgotten in a tied weight") {
  Random random("gradcheck tied");
  const std::vector<Batch> batches{random_batch(random, tiny_model(), 1),
                                   random_batch(random, tiny_model(), 1)};
  const auto model = make_model(tiny_model(), cpu(), DType::f64, 5);
  LossProbe probe(*model, batches, 7, false);
  MistakeMaker maker(*find_mistake("one-of-tied"), "", probe.targets());
  const GradientCheck check = check_gradients(probe, {.max_entries = 4, .edits = &maker});
  CHECK(maker.changes() > 0);
  for (const CheckedTensor& t : check.tensors) {
    INFO(t.name);
    CHECK(t.wrong() == (t.name == "transformer.wte.weight"));
  }
}

TEST_CASE("gradcheck: a mistake that only several batches show is wrong") {
  Random random("gradcheck batches");
  const std::vector<Batch> batches{random_batch(random, tiny_model(), 1),
                                   random_batch(random, tiny_model(), 1)};
  const auto model = make_model(tiny_model(), cpu(), DType::f64, 5);
  /// Forgets what earlier batches have contributed to one parameter.
  struct Forgetful final : TapeObserver {
    std::vector<double> first;
    void completed(const Variable& leaf) override {
      if (leaf.name != "transformer.ln_f.weight") return;
      std::vector<double> now = leaf.grad.doubles();
      const std::vector<double> all = now;
      for (size_t i = 0; i < now.size() && !first.empty(); ++i) now[i] -= first[i];
      std::copy(now.begin(), now.end(), leaf.grad.ptr<double>());
      first = first.empty() ? all : std::vector<double>();
    }
  } edits;
  LossProbe probe(*model, batches, 7, false);
  const GradientCheck check = check_gradients(probe, {.max_entries = 4, .edits = &edits});
  CHECK(!check.right());
  CHECK(check.places.empty());
}

TEST_CASE("gradcheck: a direction or entries that are wrong, each alone, count") {
  for (const bool direction : {false, true})
    for (const bool entries : {false, true}) {
      GradientCheck check;
      check.tensors.push_back(
          {.name = "w", .shape = {1}, .wrong_direction = direction, .wrong_entries = entries});
      CHECK(check.tensors[0].wrong() == (direction || entries));
      CHECK(check.right() != (direction || entries));
    }
}

TEST_CASE("gradcheck: NaN never passes") {
  Random random("gradcheck NaN");
  const Batch batch = random_batch(random, tiny_model(), 1);
  for (const bool whole : {false, true}) {
    const auto model = make_model(tiny_model(), cpu(), DType::f64, 5);
    struct Spoiler final : TapeObserver {
      bool all = false;
      void completed(const Variable& leaf) override {
        if (leaf.name != "transformer.h.0.mlp.c_proj.weight") return;
        double* grad = leaf.grad.ptr<double>();
        std::fill(grad, grad + (all ? leaf.grad.numel() : 1), std::nan(""));
      }
    } edits;
    edits.all = whole;
    LossProbe probe(*model, std::span(&batch, 1), 7, false);
    const GradientCheck check = check_gradients(probe, {.max_entries = 4, .edits = &edits});
    CHECK(!check.right());
    CHECK(std::isnan(check.direction));
    REQUIRE(!check.places.empty());
    CHECK(check.places[0].tensor == "transformer.h.0.mlp.c_proj.weight");
    for (const CheckedTensor& t : check.tensors)
      CHECK(t.wrong() == (t.name == "transformer.h.0.mlp.c_proj.weight"));
  }
}

TEST_CASE("gradcheck: a kink is no mistake") {
  ModelConfig config = tiny_model();
  config.n_layer = 1;
  parse_name("relu", config.act);
  const auto model = make_model(config, cpu(), DType::f64, 5);
  for (Parameter& p : model->parameters().all())  // all inputs of ReLU are 0
    if (p.name.find("c_fc") != std::string::npos) p.value.zero();
  Random random("gradcheck kink");
  const std::vector<Batch> batches{random_batch(random, config, 2)};
  LossProbe probe(*model, batches, 7, false);
  const GradientCheck check = check_gradients(probe, {.max_entries = 8});
  for (const CheckedTensor& t : check.tensors) {
    INFO(t.name << ": along a direction " << t.direction << ", entries " << t.error() << ", " << t.kink);
    CHECK(!t.wrong());
  }
  CHECK(!check.wrong_direction);
  CHECK(std::isnan(check.direction));
  CHECK(check.kink.find("to the left") != std::string::npos);
  bool kink = false;
  for (const CheckedTensor& t : check.tensors)
    kink =
        kink || (t.name.find("c_fc") != std::string::npos && t.kink.find("to the left") != std::string::npos);
  CHECK(kink);
}

TEST_CASE("gradcheck: refuses a batch without targets and another dtype") {
  const auto model = make_model(tiny_model(), cpu(), DType::f64, 5);
  Random random("gradcheck refusals");
  Batch batch = random_batch(random, tiny_model(), 1);
  const auto narrow = make_model(tiny_model(), cpu(), DType::f32, 5);
  LossProbe probe(*narrow, std::span(&batch, 1), 7, false);
  CHECK_ERROR(check_gradients(probe, {}), ErrorCode::usage, "needs a model in f64");
  model->parameters().all()[0].value.ptr<double>()[0] = std::nan("");
  batch.tokens[0] = 0;
  LossProbe damaged(*model, std::span(&batch, 1), 7, false);
  CHECK_ERROR(check_gradients(damaged, {}), ErrorCode::numerical, "the loss is");
  std::fill(batch.targets.begin(), batch.targets.end(), ignored_target);
  CHECK_ERROR(LossProbe(*model, std::span(&batch, 1), 7, false), ErrorCode::usage,
              "a target that is not ignored");
}

// Classifiers: a language model's trunk with a head that reads one position of each text.

#include <cmath>

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "model/config_json.h"
#include "model/gpt.h"
#include "model/weights/outgoing.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using test::Exportable;
using test::gpt2_like;
using test::llama_like;
using test::with;

constexpr int32_t none = -100;

ModelConfig classifier(ModelConfig config, LabelPosition position) {
  config.n_labels = 3;
  config.position = position;
  return config;
}

/// Texts of 1 to T tokens, padded at the right, each with a label at its last token.
struct Texts {
  Tensor tokens, targets;
  std::vector<int64_t> lengths;
  std::vector<int32_t> labels;
};

Texts random_texts(test::Random& random, const ModelConfig& config, int64_t rows, int64_t T) {
  Texts texts;
  std::vector<int32_t> ids, targets(static_cast<size_t>(rows * T), none);
  for (int64_t row = 0; row < rows; ++row) {
    texts.lengths.push_back(random.integer(1, T));
    texts.labels.push_back(static_cast<int32_t>(random.integer(0, config.n_labels - 1)));
    for (int64_t t = 0; t < T; ++t)
      ids.push_back(static_cast<int32_t>(random.integer(0, config.vocab_size - 1)));  // padding is arbitrary
    targets[static_cast<size_t>(row * T + texts.lengths.back() - 1)] = texts.labels.back();
  }
  texts.tokens = Tensor::from(cpu(), ids, {rows, T});
  texts.targets = Tensor::from(cpu(), targets, {rows, T});
  return texts;
}

struct Result {
  double loss = 0;
  std::vector<double> gradient;  // of all parameters
};

Result differentiated(Model& model, const Tensor& tokens, const Tensor& targets) {
  model.parameters().clear_grads();
  Tape tape;
  const Tensor loss = model.loss(tokens, targets);
  tape.backward(loss);
  model.parameters().complete_grads();
  Result result{loss.item(), {}};
  for (const Parameter& p : model.parameters().all())
    for (const double g : grad_of(p.value).doubles()) result.gradient.push_back(g);
  return result;
}

}  // namespace

TEST_CASE("classifier: a batch of texts has the mean loss and gradient of its texts one by one",
          "[classifier]") {
  test::Random random("texts of mixed lengths");
  for (const ModelConfig& base : {gpt2_like(), llama_like()})
    for (const LabelPosition position : {LabelPosition::last, LabelPosition::mean}) {
      INFO(name_of(position));
      const ModelConfig config = classifier(base, position);
      const auto model = make_model(config, cpu(), DType::f64, 5);
      const int64_t rows = 5;
      const Texts texts = random_texts(random, config, rows, 6);
      const Result together = differentiated(*model, texts.tokens, texts.targets);
      Result mean{0, std::vector<double>(together.gradient.size())};
      for (int64_t row = 0; row < rows; ++row) {
        const int64_t length = texts.lengths[static_cast<size_t>(row)];
        const auto cut = [&](const Tensor& t) {
          std::vector<int32_t> values = t.values<int32_t>();
          return Tensor::from(
              cpu(), std::vector<int32_t>(values.begin() + row * 6, values.begin() + row * 6 + length),
              {1, length});
        };
        const Result one = differentiated(*model, cut(texts.tokens), cut(texts.targets));
        mean.loss += one.loss / static_cast<double>(rows);
        for (size_t i = 0; i < one.gradient.size(); ++i)
          mean.gradient[i] += one.gradient[i] / static_cast<double>(rows);
      }
      CHECK(std::abs(together.loss - mean.loss) < 1e-12);
      CHECK(test::close_by_norm(together.gradient, mean.gradient, 1e-12));
    }
}

TEST_CASE("classifier: padding has a gradient of exactly zero", "[classifier]") {
  test::Random random("padding");
  for (const LabelPosition position : {LabelPosition::last, LabelPosition::mean}) {
    ModelConfig config = classifier(gpt2_like(), position);
    config.tie = false;
    const auto model = make_model(config, cpu(), DType::f32, 5);
    // Tokens 0 and 1 occur in the padding only.
    const std::vector<int32_t> ids{5, 7, 2, 0, 1, 1, 3, 4, 0, 1, 0, 1},
        targets{none, none, 2, none, none, none, none, 0, none, none, none, none};
    differentiated(*model, Tensor::from(cpu(), ids, {2, 6}), Tensor::from(cpu(), targets, {2, 6}));
    const auto row = [&](const char* name, int64_t at) {
      const Tensor grad = grad_of(model->parameters().find(name)->value);
      std::vector<double> values = grad.doubles();
      return std::vector<double>(values.begin() + at * config.n_embd,
                                 values.begin() + (at + 1) * config.n_embd);
    };
    const std::vector<double> zero(static_cast<size_t>(config.n_embd));
    INFO(name_of(position));
    for (const int64_t token : {0, 1}) CHECK(row("transformer.wte.weight", token) == zero);
    for (const int64_t t : {3, 4, 5}) CHECK(row("transformer.wpe.weight", t) == zero);
    for (const int64_t token : {2, 3, 4, 5, 7}) CHECK(row("transformer.wte.weight", token) != zero);
    for (const int64_t t : {0, 1, 2}) CHECK(row("transformer.wpe.weight", t) != zero);
  }
}

TEST_CASE("classifier: gradients", "[classifier]") {
  test::Random random("gradients");
  for (const LabelPosition position : {LabelPosition::last, LabelPosition::mean}) {
    const ModelConfig config = classifier(gpt2_like(), position);
    const auto model = make_model(config, cpu(), DType::f64);
    const Texts texts = random_texts(random, config, 3, 5);
    std::vector<Tensor> values;
    for (Parameter& p : model->parameters().all()) {
      p.value.upload(random.normals<double>(p.shape.numel(), 0.3).data());
      values.push_back(p.value.detached());
    }
    const auto result = gradcheck(
        [&](const std::vector<Tensor>& in) {
          size_t i = 0;
          for (Parameter& p : model->parameters().all()) p.value = in[i++];
          return model->loss(texts.tokens, texts.targets);
        },
        values, {.step = 4e-4, .max_entries = 24, .directions = 2});
    INFO(name_of(position) << " " << result.worst);
    CHECK(result.below(1e-8));
  }
}

TEST_CASE("classifier: with position = mean the head reads the mean of the states so far", "[classifier]") {
  const auto last = make_model(classifier(gpt2_like(), LabelPosition::last), cpu(), DType::f64, 9),
             mean = make_model(classifier(gpt2_like(), LabelPosition::mean), cpu(), DType::f64, 9);
  const NoGrad no_grad;
  const Tensor tokens = Tensor::from(cpu(), std::vector<int32_t>{3, 1, 4, 1, 5}, {1, 5});
  const std::vector<double> one = last->logits(tokens).doubles(), so_far = mean->logits(tokens).doubles();
  std::vector<double> sums(3), expected;
  for (size_t t = 0; t < 5; ++t)
    for (size_t k = 0; k < 3; ++k)  // the head is linear: its result of a mean is the mean of its results
      expected.push_back((sums[k] += one[3 * t + k]) / static_cast<double>(t + 1));
  CHECK(test::close_by_norm(so_far, expected, 1e-13));
  CHECK(mean->logits(tokens, {.last_only = true}).shape() == Shape{1, 1, 3});
}

TEST_CASE("classifier: logits of the ends of texts are those of all positions", "[classifier]") {
  test::Random random("ends");
  const NoGrad none;
  for (const ModelConfig& base : {gpt2_like(), llama_like()}) {
    for (const NormPlace place : {NormPlace::pre, NormPlace::post}) {
      for (const LabelPosition position : {LabelPosition::last, LabelPosition::mean}) {
        ModelConfig config = classifier(base, position);
        config.norm_place = place;
        const auto model = make_model(config, cpu(), DType::f64, 5);
        const Texts texts = random_texts(random, config, 3, 5);
        const std::vector<int64_t> ends = {4, 0, 2};
        const std::vector<double> all = model->logits(texts.tokens).doubles();
        const Tensor some = model->logits(texts.tokens, {.ends = ends});
        const int64_t K = config.n_labels;
        REQUIRE(some.shape() == Shape{3, 1, K});
        std::vector<double> expected;
        for (int64_t b = 0; b < 3; ++b) {
          const auto row = all.begin() + (b * 5 + ends[static_cast<size_t>(b)]) * K;
          expected.insert(expected.end(), row, row + K);
        }
        CHECK(test::close_by_norm(some.doubles(), expected, 1e-13));
        CHECK_THROWS_AS(model->logits(texts.tokens, {.ends = {0, 1}}), Error);
        CHECK_THROWS_AS(model->logits(texts.tokens, {.ends = {0, 1, 5}}), Error);
      }
    }
  }
}

TEST_CASE("classifier: the trunk of a language model or of another classifier is loaded, not its head",
          "[classifier]") {
  for (const ModelConfig& base : {gpt2_like(), llama_like()}) {
    const Exportable language(base), other(classifier(base, LabelPosition::last));
    for (const Exportable* from : {&language, &other}) {
      ModelConfig config = classifier(base, LabelPosition::mean);
      config.block_size = 4;
      config.n_labels = 2;
      const auto model = make_model(config, cpu(), DType::f32, 77),
                 fresh = make_model(config, cpu(), DType::f32, 77);
      load_trunk(from->own, *model);
      for (Parameter& p : model->parameters().all()) {
        INFO(p.name);
        std::vector<float> expected = fresh->parameters().find(p.name)->value.values<float>();
        if (p.name != score_name) {
          expected = from->model->parameters().find(p.name)->value.values<float>();
          expected.resize(
              static_cast<size_t>(p.shape.numel()));  // a shorter context takes the first positions
        }
        CHECK(p.value.values<float>() == expected);
      }
    }
    const auto wider =
        make_model(classifier(with(base, [](auto& c) { c.n_embd *= 2; }), LabelPosition::last), cpu());
    CHECK(test::fails(ErrorCode::usage, {"in the base"}, [&] { load_trunk(language.own, *wider); }));
  }
}

TEST_CASE("classifier: transformers' format and ours keep it, the others refuse it", "[classifier][export]") {
  for (const ModelConfig& base : {gpt2_like(), llama_like()}) {
    Exportable written(classifier(base, LabelPosition::last));
    written.own.labels = {"ham", "spam", "neither"};
    for (const auto& [format, name] : {std::pair{"hf", "hf"}, std::pair{"safetensors", "own.safetensors"}}) {
      export_model(written.own, format, written.path(name));
      const auto again = load_foreign(open_foreign(written.path(name)), cpu());
      CHECK(again->config().n_labels == 3);
      for (Parameter& p : written.model->parameters().all())
        CHECK(again->parameters().find(p.name)->value.values<float>() == p.value.values<float>());
    }
    CHECK(open_foreign(written.path("hf")).labels == written.own.labels);
    const std::string config = test::read_file(written.path("hf") + "/config.json");
    CHECK(config.find("ForSequenceClassification") != config.npos);
    for (const char* format : {"gguf", "llama2c"})
      CHECK(test::fails(ErrorCode::usage, {"n_labels = 3"},
                        [&] { export_model(written.own, format, written.path(format)); }));
    const Exportable mean(classifier(base, LabelPosition::mean));
    CHECK(test::fails(ErrorCode::usage, {"position = mean"},
                      [&] { export_model(mean.own, "hf", mean.path("hf")); }));
  }
}

TEST_CASE("classifier: the configuration says what it is", "[classifier]") {
  const ModelConfig config = classifier(gpt2_like(), LabelPosition::mean),
                    again = model_config_from_json(to_json(config));
  CHECK(again.n_labels == 3);
  CHECK(again.position == LabelPosition::mean);
  CHECK(to_json(gpt2_like()).find("n_labels") ==
        std::string::npos);  // other programs' versions still read it
  CHECK(to_json(gpt2_like()).find("position") == std::string::npos);
  ModelConfig one = gpt2_like(), table = config;
  one.n_labels = 1;
  table.arch = "bigram";
  CHECK(test::fails(ErrorCode::usage, {"at least two"}, [&] { one.check(); }));
  CHECK(test::fails(ErrorCode::usage, {"arch = gpt"}, [&] { table.check(); }));
}

}  // namespace hewn

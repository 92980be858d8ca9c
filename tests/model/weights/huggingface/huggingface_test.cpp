// Models as transformers keeps them: parity with a float64 reference, and what is refused.

#include "model/weights/huggingface/huggingface.h"
#include "model/config_json.h"

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "kernels/devices/devices.h"
#include "model/tokenizer/bpe.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/fixture.h"
#include "tests/support/write_safetensors.h"

namespace hewn {
namespace {

using nlohmann::json;
using test::Fixture;

/// Tensors of the fixture side by side, those of matrices transposed to [in, out].
std::vector<double> packed(const Fixture& f, const std::vector<std::string>& names, bool transposed) {
  if (!transposed) return f.values(names[0]);
  const int64_t rows = f.shape(names[0])[1];
  std::vector<double> all;
  for (int64_t r = 0; r < rows; ++r)
    for (const std::string& name : names)
      for (int64_t c = 0; c < f.shape(name)[0]; ++c)
        all.push_back(f.values(name)[static_cast<size_t>(c * rows + r)]);
  return all;
}

/// The gradient that the fixture has for a parameter of ours.
std::vector<double> expected_gradient(const Fixture& f, const std::string& ours) {
  if (ours == "transformer.wte.weight") return f.values("grad.model.embed_tokens.weight");
  if (ours == "transformer.ln_f.weight") return f.values("grad.model.norm.weight");
  if (ours == "lm_head.weight") return f.values("grad.lm_head.weight");
  const size_t dot = ours.find('.', 14);
  const std::string layer = "grad.model.layers." + ours.substr(14, dot - 14) + ".",
                    part = ours.substr(dot + 1);
  const auto at = [&](const std::string& name) { return layer + name + ".weight"; };
  if (part == "ln_1.weight") return packed(f, {at("input_layernorm")}, false);
  if (part == "ln_2.weight") return packed(f, {at("post_attention_layernorm")}, false);
  if (part == "attn.c_attn.weight")
    return packed(f, {at("self_attn.q_proj"), at("self_attn.k_proj"), at("self_attn.v_proj")}, true);
  if (part == "attn.c_proj.weight") return packed(f, {at("self_attn.o_proj")}, true);
  if (part == "mlp.c_fc.weight") return packed(f, {at("mlp.gate_proj"), at("mlp.up_proj")}, true);
  return packed(f, {at("mlp.down_proj")}, true);
}

std::unique_ptr<Model> open_at(const std::filesystem::path& directory, DType dtype = DType::f32,
                               int64_t block_size = 0, bool grads = false) {
  ForeignModel foreign = open_foreign(directory.string());
  crop_context(foreign, block_size);
  return load_foreign(foreign, cpu(), dtype, grads);
}

/// A small directory to damage: GPT-2 with names as OpenAI's files have them.
struct Gpt2Directory {
  test::TempDir dir;
  json config{{"model_type", "gpt2"}, {"vocab_size", 5}, {"n_positions", 4},
              {"n_layer", 0},         {"n_head", 1},     {"n_embd", 2}};
  std::vector<float> wte = std::vector<float>(10, 0.5f), wpe{1, 2, 3, 4, 5, 6, 7, 8}, ones{1, 1},
                     mask = std::vector<float>(16);
  std::vector<TensorEntry> tensors;

  Gpt2Directory() {
    add("wte.weight", {5, 2}, wte);
    add("wpe.weight", {4, 2}, wpe);
    add("ln_f.weight", {2}, ones);
    add("ln_f.bias", {2}, ones);
    add("h.0.attn.bias", {1, 1, 4, 4}, mask);
  }
  void add(const std::string& name, const std::vector<int64_t>& shape, const std::vector<float>& values) {
    tensors.push_back({.name = name,
                       .dtype = DType::f32,
                       .shape = shape,
                       .data = values.data(),
                       .bytes = 4 * values.size()});
  }
  std::unique_ptr<Model> open(int64_t block_size = 0) const {
    test::write_file(dir / "config.json", config.dump());
    test::write_safetensors((dir / "model.safetensors").string(), tensors);
    return open_at(dir.path(), DType::f32, block_size);
  }
};

void check_llama(const std::filesystem::path& directory) {
  const Fixture inputs(directory / "inputs.safetensors"), expected(directory / "expected.safetensors");
  const json reference = json::parse(test::read_file(directory / "expected.json"));
  const Tensor tokens = inputs.tensor(cpu(), "tokens", DType::i32),
               targets = inputs.tensor(cpu(), "targets", DType::i32);
  for (const DType dtype : {DType::f64, DType::f32}) {
    INFO(name_of(dtype));
    const double tolerance = dtype == DType::f64 ? 1e-6 : 1e-5;  // the reference is stored in float32
    const auto model = open_at(directory, dtype, 0, true);
    Tape tape;
    const Tensor loss = model->loss(tokens, targets);
    CHECK(std::abs(loss.item() - reference.at("loss").get<double>()) <= (dtype == DType::f64 ? 1e-12 : 1e-5));
    tape.backward(loss);
    for (const Parameter& p : model->parameters().all()) {
      INFO(p.name);
      CHECK(test::close_by_norm(grad_of(p.value).doubles(), expected_gradient(expected, p.name), tolerance));
    }
    const NoGrad none;
    CHECK(test::close_by_norm(model->logits(tokens).doubles(), expected.values("logits"), tolerance));
  }
}

}  // namespace

TEST_CASE("llama-tiny: logits, loss and gradients", "[huggingface]") {
  for (const auto& directory : test::oracles("llama-tiny")) check_llama(directory);
}

TEST_CASE("gpt2-tiny opens as a directory of transformers", "[huggingface]") {
  for (const auto& directory : test::oracles("gpt2-tiny")) {
    const Fixture inputs(directory / "inputs.safetensors"), expected(directory / "expected.safetensors");
    const auto model = open_at(directory, DType::f64);
    const NoGrad none;
    const Tensor logits = model->logits(inputs.tensor(cpu(), "tokens", DType::i32));
    CHECK(test::close_by_norm(logits.doubles(), expected.values("logits"), 1e-6));
  }
}

// Models of scripts/peers/make_models.py, too large to be kept.
TEST_CASE("models of transformers compute the same logits", "[huggingface]") {
  const char* models = std::getenv("HEWN_MODELS");
  if (!models) return test::skip("HEWN_MODELS names no directory made by scripts/peers/make_models.py");
  const auto device = make_cpu(default_threads());
  for (const auto& directory : std::filesystem::directory_iterator(models)) {
    const Fixture inputs(directory.path() / "inputs.safetensors"),
        expected(directory.path() / "expected.safetensors");
    const auto model = load_foreign(open_foreign(directory.path().string()), *device);
    const NoGrad none;
    const std::vector<double> got = model->logits(inputs.tensor(*device, "tokens", DType::i32)).doubles(),
                              want = expected.values("logits");
    double most = 0, squares = 0, error = 0;
    for (size_t i = 0; i < want.size(); ++i) {
      most = std::max(most, std::abs(got.at(i) - want[i]));
      squares += want[i] * want[i];
      error += (got[i] - want[i]) * (got[i] - want[i]);
    }
    WARN(directory.path().filename().string()
         << ": logits differ by " << most << " at most, " << std::sqrt(error / squares) << " relative");
    CHECK(test::close_by_norm(got, want, 1e-4));
    CHECK(most <= 1e-4 * std::sqrt(squares / static_cast<double>(want.size())));
  }
}

TEST_CASE("Hugging Face: names without a prefix, masks, a cropped context", "[huggingface]") {
  const Gpt2Directory d;
  const auto whole = d.open();
  CHECK(whole->config().block_size == 4);
  CHECK(whole->config().tie);
  const auto cropped = d.open(3);
  CHECK(cropped->config().block_size == 3);
  CHECK(cropped->parameters().find("transformer.wpe.weight")->value.values<float>() ==
        std::vector<float>(d.wpe.begin(), d.wpe.begin() + 6));
  CHECK_THROWS_WITH(d.open(5), Catch::Contains("longer than the model's 4"));
}

TEST_CASE("Hugging Face: masks and a second copy of a tied head are passed over", "[huggingface]") {
  Gpt2Directory d;
  const std::vector<float> head{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  d.add("h.0.attn.masked_bias", {2}, d.ones);
  d.add("lm_head.weight", {5, 2}, head);
  const auto tied = d.open();
  CHECK(tied->parameters().find("lm_head.weight") == nullptr);
  CHECK(tied->parameters().find("transformer.wte.weight")->value.values<float>() == d.wte);
  d.config["tie_word_embeddings"] = false;
  const auto untied = d.open();
  CHECK(untied->parameters().find("lm_head.weight")->value.values<float>() == head);
  d.tensors.back().name = "another.weight";
  CHECK(test::fails(ErrorCode::input, {"missing: lm_head.weight", "unknown: another.weight"},
                    [&] { d.open(); }));
}

TEST_CASE("Hugging Face: a setting that is null has its default", "[huggingface]") {
  Gpt2Directory d;
  const std::string usual = to_json(d.open()->config());
  for (const char* key : {"n_inner", "scale_attn_weights", "tie_word_embeddings", "activation_function"})
    d.config[key] = nullptr;
  CHECK(to_json(d.open()->config()) == usual);
}

TEST_CASE("Hugging Face: vocab.json without merges.txt is no tokenizer", "[huggingface]") {
  const Gpt2Directory d;
  d.open();
  test::write_file(d.dir / "vocab.json", "{}");
  const ForeignModel without = open_foreign(d.dir.path().string());
  CHECK(without.tokenizer == nullptr);
  CHECK(without.no_tokenizer == "the directory has neither tokenizer.json nor vocab.json with merges.txt");
}

TEST_CASE("Hugging Face: a tokenizer in vocab.json and merges.txt is read", "[huggingface]") {
  Gpt2Directory d;
  d.config["vocab_size"] = 257;
  d.tensors[0].shape = {257, 2};
  const std::vector<float> wte(2 * 257, 0.5f);
  d.tensors[0].data = wte.data(), d.tensors[0].bytes = 4 * wte.size();
  d.open();
  json vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    const char character = static_cast<char>(byte);
    vocabulary[tokenizers::to_printable({&character, 1})] = byte;
  }
  vocabulary["ab"] = 256;
  test::write_file(d.dir / "vocab.json", vocabulary.dump());
  test::write_file(d.dir / "merges.txt", "a b\n");
  const ForeignModel with = open_foreign(d.dir.path().string());
  INFO(with.no_tokenizer);
  REQUIRE(with.tokenizer);
  CHECK(with.tokenizer->encode("xab") == std::vector<int32_t>{'x', 256});
}

TEST_CASE("Hugging Face: early models name their context n_ctx", "[huggingface]") {
  Gpt2Directory d;
  d.config.erase("n_positions");
  CHECK(test::fails(ErrorCode::input, {"n_ctx", "config.json"}, [&] { d.open(); }));
  d.config["n_ctx"] = 4;
  CHECK(d.open()->config().block_size == 4);
}

TEST_CASE("Hugging Face: tensors in several files", "[huggingface]") {
  Gpt2Directory d;
  const auto whole = d.open();
  test::write_safetensors((d.dir / "a.safetensors").string(), {d.tensors.begin(), d.tensors.begin() + 2});
  test::write_safetensors((d.dir / "b.safetensors").string(), {d.tensors.begin() + 2, d.tensors.end()});
  std::filesystem::remove(d.dir / "model.safetensors");
  const auto index = [&](const std::string& second) {
    test::write_file(d.dir / "model.safetensors.index.json",
                     json{{"weight_map", {{"wte.weight", "a.safetensors"}, {"ln_f.weight", second}}}}.dump());
    return open_at(d.dir.path());
  };
  const auto parts = index("b.safetensors");
  for (size_t i = 0; i < parts->parameters().all().size(); ++i)
    CHECK(parts->parameters().all()[i].value.values<float>() ==
          whole->parameters().all()[i].value.values<float>());
  for (const std::string& outside : {std::string("../b.safetensors"), std::string(".."), std::string(),
                                     std::string("b.safetensors\0", 14)})
    CHECK_THROWS_WITH(index(outside), Catch::Contains("expected the name of a file in this directory"));
  CHECK_THROWS_WITH(index("c.safetensors"), Catch::Contains("c.safetensors"));
  test::write_safetensors((d.dir / "b.safetensors").string(), d.tensors);
  CHECK_THROWS_WITH(index("b.safetensors"), Catch::Contains("wte.weight is in two files"));
  test::write_file(d.dir / "model.safetensors.index.json", R"({"weight_map": {}})");
  CHECK_THROWS_WITH(open_at(d.dir.path()), Catch::Contains("weight_map names no files"));
}

TEST_CASE("Hugging Face: a tokenizer that is not supported counts as missing", "[huggingface]") {
  const Gpt2Directory d;
  d.open();
  test::write_file(d.dir / "tokenizer.json", R"({"model": {"type": "Unigram", "vocab": []}})");
  const ForeignModel without = open_foreign(d.dir.path().string());
  CHECK(without.tokenizer == nullptr);
  CHECK(without.no_tokenizer.find("Unigram") != std::string::npos);
}

TEST_CASE("Hugging Face: unsupported models are refused with the reason before memory is allocated",
          "[huggingface]") {
  const auto refused = [](const std::function<void(Gpt2Directory&)>& damage,
                          std::initializer_list<std::string> reasons) {
    Gpt2Directory d;
    damage(d);
    return test::fails(ErrorCode::input, reasons, [&] { d.open(); });
  };
  const test::TempDir empty;
  CHECK_THROWS_WITH(open_foreign(empty.path().string()), Catch::Contains("a directory with config.json"));
  CHECK_THROWS_WITH(open_foreign("no/where"), Catch::Contains("no such file"));
  CHECK(
      refused([](auto& d) { d.config["model_type"] = "bert"; }, {"config.json", "\"bert\"", "gpt2, llama"}));
  CHECK(refused([](auto& d) { d.config.erase("n_head"); }, {"n_head"}));
  CHECK(refused([](auto& d) { d.config["n_embd"] = "two"; },
                {"not have the expected content: type must be number", "config.json"}));
  CHECK(refused([](auto& d) { d.config["n_head"] = 0; }, {"n_head = 0"}));
  CHECK(refused([](auto& d) { d.config["scale_attn_by_inverse_layer_idx"] = true; },
                {"scale_attn_by_inverse_layer_idx"}));
  CHECK(refused([](auto& d) { d.config["activation_function"] = "mish"; }, {"\"mish\""}));
  CHECK(refused(
      [](auto& d) {
        d.config["n_embd"] = 1 << 19;
        d.config["vocab_size"] = 1 << 20;
      },
      {"wte.weight is [5, 2]", "does not fit"}));
  CHECK(refused([](auto& d) { d.tensors.erase(d.tensors.begin()); }, {"missing: wte.weight"}));
  CHECK(refused([](auto& d) { d.add("extra.weight", {2}, d.ones); }, {"unknown: extra.weight"}));
  CHECK(refused([](auto& d) { d.tensors[1].shape = {2, 4}; }, {"wpe.weight is [2, 4]"}));
  const json llama{{"model_type", "llama"},  {"vocab_size", 5},          {"max_position_embeddings", 8},
                   {"num_hidden_layers", 1}, {"num_attention_heads", 2}, {"hidden_size", 8},
                   {"intermediate_size", 6}};
  const auto config = [&](const json& more) {
    json all = llama;
    all.update(more);
    return huggingface_config(all.dump());
  };
  CHECK(config({{"rope_parameters", {{"rope_type", "default"}, {"rope_theta", 5e5}}}}).rope_theta == 5e5);
  CHECK(config({{"rope_theta", 1e6}, {"sliding_window", 4}}).window == 4);
  CHECK_THROWS_WITH(config({{"rope_scaling", {{"type", "linear"}}}}), Catch::Contains("\"linear\""));
  CHECK_THROWS_WITH(config({{"head_dim", 16}}), Catch::Contains("head_dim is 16"));
  CHECK(test::fails(ErrorCode::input, {"n_head = 0"}, [&] { config({{"num_attention_heads", 0}}); }));
  CHECK_THROWS_WITH(config({{"attention_bias", true}}), Catch::Contains("only one of attention and MLP"));
  CHECK_THROWS_WITH(config({{"hidden_act", "gelu"}}), Catch::Contains("hidden_act"));
}

}  // namespace hewn

// Adapters in PEFT's files: names and shapes, what comes back, what they do to a model, and what does not fit.

#include <nlohmann/json.hpp>

#include "model/adapters/adapter_config.h"
#include "model/adapters/merged.h"
#include "model/adapters/trained.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"
#include "tests/support/write_safetensors.h"

namespace hewn {
namespace {

using nlohmann::json;

/// A small model with adapters of random values, and the same without: its base, saved.
struct Adapted {
  test::Exportable base;
  WhatTrains training;
  std::unique_ptr<Model> model;
  test::TempDir dir;

  explicit Adapted(const ModelConfig& config, const std::string& layers = "", int64_t rank = 3)
      : base(config),
        training{.what = "lora", .lora = {.rank = rank, .alpha = 5, .dropout = 0.25, .layers = layers}} {
    model = blank();
    load_trunk(base.own, *model);
    test::Random random("adapter");
    for (Parameter& p : model->parameters().all())
      if (p.of_adapter) p.value.upload(random.normals(p.shape.numel()).data());
    write_adapter(dir.path().string(), *model, "some/base");
  }
  /// A model with the same adapters as they begin.
  std::unique_ptr<Model> blank() const { return make_model(base.own.config, training, cpu(), DType::f32, 3); }
  std::string path() const { return dir.path().string(); }
  AdapterFiles files() const { return read_adapter(path(), *declare_model(base.own.config)); }
  json peft_config() const { return json::parse(test::read_file(dir / adapter_config_file)); }
  void put_config(const json& config) const { test::write_file(dir / adapter_config_file, config.dump()); }
};

std::vector<double> adapted_logits(Model& model) {
  const NoGrad none;
  const Tensor tokens = Tensor::from(cpu(), std::vector<int32_t>{1, 5, 3, 0, 10, 2, 7, 7, 9, 4}, {2, 5});
  return model.logits(tokens).doubles();
}

ModelConfig interleaved_llama() {
  return test::with(test::llama_like(), [](ModelConfig& c) { c.rope_pairs = RotaryPairs::interleaved; });
}

}  // namespace

TEST_CASE("adapters: a new adapter changes nothing, and is initialised as PEFT does it") {
  const Adapted a(test::gpt2_like());
  const auto fresh = a.blank();
  load_trunk(a.base.own, *fresh);
  CHECK(adapted_logits(*fresh) == adapted_logits(*a.base.model));
  CHECK(!test::close_by_norm(adapted_logits(*a.model), adapted_logits(*a.base.model), 1e-2));
  for (const Parameter* weight : adapted(*fresh)) {
    INFO(weight->name);
    const double bound = 1 / std::sqrt(static_cast<double>(weight->shape[0]));
    double largest = 0;
    for (const double v : weight->adapter->a->value.doubles()) largest = std::max(largest, std::abs(v));
    CHECK(largest <= bound);
    CHECK(largest > 0.7 * bound);
    for (const double v : weight->adapter->b->value.doubles()) CHECK(v == 0);
    CHECK(weight->adapter->scale == 5.0 / 3);
  }
}

TEST_CASE("adapters: files have PEFT's names and shapes") {
  const auto shapes = [](const Adapted& a) {
    std::map<std::string, std::string> all;
    const SafetensorsFile file(a.path() + "/adapter_model.safetensors");
    for (const TensorEntry& entry : file.entries()) all[entry.name] = join(Shape(entry.shape));
    return all;
  };
  const Adapted gpt2(test::gpt2_like());
  auto found = shapes(gpt2);
  CHECK(found.size() == 2 * 4 * 2);
  const std::string h0 = "base_model.model.transformer.h.0.";
  CHECK(found[h0 + "attn.c_attn.lora_A.weight"] == "[3, 8]");
  CHECK(found[h0 + "attn.c_attn.lora_B.weight"] == "[24, 3]");
  CHECK(found[h0 + "mlp.c_fc.lora_B.weight"] == "[12, 3]");
  CHECK(found[h0 + "mlp.c_proj.lora_A.weight"] == "[3, 12]");
  json config = gpt2.peft_config();
  CHECK(config["fan_in_fan_out"] == true);
  CHECK(config["peft_type"] == "LORA");
  CHECK(config["r"] == 3);
  CHECK(config["lora_alpha"] == 5.0);
  CHECK(config["lora_dropout"] == 0.25);
  CHECK(config["target_modules"] == json{"c_attn", "c_fc", "c_proj"});
  CHECK(config["base_model_name_or_path"] == "some/base");
  CHECK(config["task_type"] == "CAUSAL_LM");

  const Adapted llama(test::llama_like());
  found = shapes(llama);
  CHECK(found.size() == 2 * 7 * 2);
  const std::string l1 = "base_model.model.model.layers.1.";
  CHECK(found[l1 + "self_attn.q_proj.lora_B.weight"] == "[16, 3]");
  CHECK(found[l1 + "self_attn.k_proj.lora_B.weight"] == "[8, 3]");
  CHECK(found[l1 + "self_attn.v_proj.lora_A.weight"] == "[3, 16]");
  CHECK(found[l1 + "mlp.up_proj.lora_B.weight"] == "[12, 3]");
  CHECK(found[l1 + "mlp.down_proj.lora_A.weight"] == "[3, 12]");
  CHECK(llama.peft_config()["fan_in_fan_out"] == false);
}

TEST_CASE("adapters: lora_layers selects layers by name") {
  const auto layers = [](const std::string& patterns) {
    const Adapted a(test::gpt2_like(), patterns);
    std::vector<std::string> names;
    for (const Parameter* weight : adapted(*a.model)) names.push_back(layer_name(*weight).substr(14));
    return std::pair(names, a.peft_config()["target_modules"].get<std::vector<std::string>>());
  };
  using Names = std::vector<std::string>;
  CHECK(layers("c_attn") == std::pair(Names{"0.attn.c_attn", "1.attn.c_attn"}, Names{"c_attn"}));
  CHECK(layers("h.1.*").first == Names{"1.attn.c_attn", "1.attn.c_proj", "1.mlp.c_fc", "1.mlp.c_proj"});
  CHECK(layers("attn.c_proj") ==
        std::pair(Names{"0.attn.c_proj", "1.attn.c_proj"},
                  Names{"transformer.h.0.attn.c_proj", "transformer.h.1.attn.c_proj"}));
  CHECK(layers("transformer.h.0.mlp.c_fc,*.1.*c_fc").second == Names{"c_fc"});
  for (const std::string wrong : {"attn", "c_attn,", "lm_head", "wte", "h.2.*"})
    CHECK_THROWS_WITH(Adapted(test::gpt2_like(), wrong), Catch::Contains("no layer matches"));
}

TEST_CASE("adapters: what is written is read and trains on with the same bits") {
  for (const ModelConfig& config : {test::gpt2_like(), test::llama_like(), interleaved_llama()}) {
    const Adapted a(config);
    const auto again = a.blank();
    load_trunk(a.base.own, *again);
    load_adapter(a.path(), *again);
    for (const Parameter& p : a.model->parameters().all()) {
      INFO(p.name);
      CHECK(again->parameters().find(p.name)->value.doubles() == p.value.doubles());
    }
  }
}

TEST_CASE("adapters: merged weights give the logits of applied adapters, also in files of transformers") {
  for (const ModelConfig& config : {test::gpt2_like(), test::llama_like(), interleaved_llama()}) {
    const Adapted a(config);
    const std::vector<double> expected = adapted_logits(*a.model);
    const double rounding =
        3e-4;  // of merged weights: with random ones, softmax and norms make up to 1e-4 of 6e-8
    const auto logits = [&](const ForeignModel& base, std::vector<WeighedAdapter> adapters) {
      return adapted_logits(*load_foreign(merged(base, base.config, adapters), cpu()));
    };
    CHECK(test::close_by_norm(logits(a.base.own, {{a.files(), 1}}), expected, rounding));
    CHECK(
        test::close_by_norm(logits(a.base.own, {{a.files(), 0.25}, {a.files(), 0.75}}), expected, rounding));
    CHECK(logits(a.base.own, {{a.files(), 0}}) == adapted_logits(*a.base.model));
    export_model(a.base.own, "hf", a.base.path("hf"));
    const ForeignModel theirs = open_foreign(a.base.path("hf"));
    const AdapterFiles files = read_adapter(a.path(), *declare_model(theirs.config));
    CHECK(test::close_by_norm(logits(theirs, {{files, 1}}), expected, rounding));
  }
}

TEST_CASE("adapters: the hash of weights is that of their values, in any format") {
  const Adapted a(test::llama_like());
  const uint64_t own = hash_of_weights(a.base.own);
  export_model(a.base.own, "hf", a.base.path("hf"));
  CHECK(hash_of_weights(open_foreign(a.base.path("hf"))) == own);
  CHECK(hash_of_weights(merged(a.base.own, a.base.own.config, {{a.files(), 1}})) != own);
  CHECK(hash_of_weights(merged(a.base.own, a.base.own.config, {})) == own);
}

TEST_CASE("adapters: PEFT's files of separate queries and values, with their own A, are merged") {
  const test::Exportable base(test::llama_like());
  const test::TempDir dir;
  test::Random random("q and v");
  const std::vector<float> a_q = random.normals(2 * 16), b_q = random.normals(16 * 2),
                           a_v = random.normals(16), b_v = random.normals(8);
  const std::string attention = "base_model.model.model.layers.1.self_attn.";
  const auto entry = [&](const std::string& name, std::vector<int64_t> shape,
                         const std::vector<float>& values) {
    return TensorEntry{attention + name + ".weight", DType::f32, std::move(shape), values.data(),
                       values.size() * 4};
  };
  test::write_safetensors((dir / adapter_weights_file).string(),
                          {entry("q_proj.lora_A", {2, 16}, a_q), entry("q_proj.lora_B", {16, 2}, b_q),
                           entry("v_proj.lora_A", {1, 16}, a_v), entry("v_proj.lora_B", {8, 1}, b_v)});
  test::write_file(dir / adapter_config_file,
                   R"({"peft_type": "LORA", "r": 2, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj"],
                       "rank_pattern": {"v_proj": 1}, "alpha_pattern": {"self_attn.v_proj": 4}, "use_rslora": false})");
  const ForeignModel both = merged(base.own, base.own.config,
                                   {{read_adapter(dir.path().string(), *declare_model(base.own.config)), 1}});
  const std::string name = "transformer.h.1.attn.c_attn.weight";
  const auto before = values_of<double>(*base.own.tensors->find(name)),
             after = values_of<double>(*both.tensors->find(name));
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 32; ++j) {
      double change = 0;
      if (j < 16) change = 3 * (double{a_q[i]} * b_q[2 * j] + double{a_q[16 + i]} * b_q[2 * j + 1]);
      if (j >= 24) change = 4 * double{a_v[i]} * b_v[j - 24];
      CHECK(after[i * 32 + j] == Approx(before[i * 32 + j] + change).margin(1e-6));
    }
}

TEST_CASE("adapters: of several patterns that fit a layer, the first in the file counts") {
  const auto config = [](const char* patterns) {
    return peft_config_from_json(R"({"peft_type": "LORA", "r": 2, "lora_alpha": 2, )" +
                                 std::string(patterns) + "}");
  };
  const std::string layer = "h.0.attn.c_attn";
  CHECK(config(R"("rank_pattern": {"c_attn": 4, "attn.c_attn": 8})").rank_of(layer) == 4);
  CHECK(config(R"("rank_pattern": {"attn.c_attn": 8, "c_attn": 4})").rank_of(layer) == 8);
  CHECK(config(R"("alpha_pattern": {"c_attn": 4, "attn.c_attn": 8})").scale_of(layer) == 2);
  CHECK(config(R"("alpha_pattern": {"c_fc": 1, "attn.c_attn": 8, "c_attn": 4})").scale_of(layer) == 4);
  // As in Python, a key that occurs twice has its first place and its last value.
  CHECK(config(R"("rank_pattern": {"c_attn": 4, "attn.c_attn": 8, "c_attn": 5})").rank_of(layer) == 5);
}

TEST_CASE("adapters: other models and other kinds of adapters are refused") {
  const Adapted a(test::gpt2_like());
  const auto read = [&](const ModelConfig& config) { return read_adapter(a.path(), *declare_model(config)); };
  const auto changed = [](auto change) { return test::with(test::gpt2_like(), change); };
  CHECK_THROWS_WITH(read(changed([](ModelConfig& c) { c.n_embd = 16; })),
                    Catch::Contains("expected [3, 16]"));
  CHECK_THROWS_WITH(read(changed([](ModelConfig& c) { c.n_layer = 1; })), Catch::Contains("no such layer"));
  CHECK_THROWS_WITH(read(changed([](ModelConfig& c) { c.mlp_width = 13; })), Catch::Contains("[13, 3]"));
  CHECK_THROWS_WITH(read(test::llama_like()), Catch::Contains("no such layer"));
  const json good = a.peft_config();
  const auto with = [&](const char* key, const json& value) {
    json config = good;
    config[key] = value;
    a.put_config(config);
    return read(test::gpt2_like());
  };
  for (const auto& [key, value] : std::map<const char*, json>{{"peft_type", "IA3"},
                                                              {"use_dora", true},
                                                              {"bias", "all"},
                                                              {"lora_bias", true},
                                                              {"modules_to_save", {"lm_head"}},
                                                              {"init_lora_weights", "pissa"},
                                                              {"layer_replication", {{0, 1}}},
                                                              {"alpha_pattern", {{"^c_attn$", 1}}}}) {
    INFO(key);
    CHECK_THROWS_WITH(with(key, value), Catch::Contains(key) && Catch::Contains("support"));
  }
  CHECK_THROWS_WITH(with("r", 4), Catch::Contains("expected [4, 8]"));
  CHECK_THROWS_WITH(with("r", 0), Catch::Contains("r is 0"));
  CHECK_THROWS_WITH(with("r", "three"), Catch::Contains("expected content"));
  CHECK_THROWS_WITH(with("lora_alpha", nullptr), Catch::Contains("expected content"));
  CHECK(with("a_key_of_later_versions", 7).changes.size() == 8);
  const double scale = with("use_rslora", true).changes[0].scale;
  CHECK(scale == Approx(5 / std::sqrt(3.0)));
}

TEST_CASE("adapters: a damaged file and one with very many names are refused quickly") {
  const Adapted a(test::gpt2_like());
  const auto read = [&] { return read_adapter(a.path(), *declare_model(a.base.own.config)); };
  const std::string whole = test::read_file(a.dir / adapter_weights_file);
  for (const size_t bytes : {size_t{0}, size_t{7}, size_t{100}, whole.size() - 1}) {
    test::write_file(a.dir / adapter_weights_file, whole.substr(0, bytes));
    CHECK_THROWS_AS(read(), Error);
  }
  std::string header = "{";
  for (int i = 0; i < test::repeats(200'000, 1'000'000); ++i)
    header += (i ? ",\"" : "\"") + std::string("base_model.model.x") + std::to_string(i) +
              ".lora_A.weight\":{\"dtype\":\"F32\",\"shape\":[0,8],\"data_offsets\":[0,0]}";
  header += "}";
  uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  test::write_file(a.dir / adapter_weights_file, file + header);
  try {
    read();
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::input);
    CHECK(std::string(error.what()).size() < 3000);
    CHECK(std::string(error.what()).find("more") != std::string::npos);
  }
}

}  // namespace hewn

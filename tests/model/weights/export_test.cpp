// Models written for other programs: opened again they are the same, to the bit where the format allows it.
// scripts/peers/check_export.py asks the programs themselves.

#include "model/config_json.h"
#include "model/weights/export.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "kernels/devices/devices.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/huggingface/huggingface.h"
#include "model/weights/outgoing.h"
#include "model/weights/safetensors/safetensors.h"
#include "model/weights/weights.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/write_safetensors.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using test::Exportable;
using test::gpt2_like;
using test::llama_like;
using test::with;

std::vector<double> logits_of(Model& model) {
  const NoGrad none;
  const std::vector<int32_t> tokens{1, 5, 10, 0, 7, 2};
  const auto T = std::min<int64_t>(6, model.config().block_size);
  return model
      .logits(Tensor::from(cpu(), std::vector<int32_t>(tokens.begin(), tokens.begin() + T), Shape{1, T}))
      .doubles();
}

/// Whether all parameters of `ours` are there with the same bits, and what else there is is 0.
bool same_bits(Model& ours, Model& theirs) {
  size_t found = 0;
  for (Parameter& p : theirs.parameters().all()) {
    const std::vector<float> values = p.value.values<float>();
    if (Parameter* mine = ours.parameters().find(p.name)) {
      if (mine->value.values<float>() != values) return false;
      ++found;
    } else if (values != std::vector<float>(values.size(), 0.0f)) {
      return false;
    }
  }
  return found == ours.parameters().all().size();
}

}  // namespace

TEST_CASE("models exported for transformers are the same when opened again", "[export]") {
  const std::pair<const char*, ModelConfig> models[] = {
      {"GPT-2", gpt2_like()},
      {"without biases", with(gpt2_like(), [](auto& c) { c.bias = false; })},
      {"without some biases", with(gpt2_like(), [](auto& c) { c.qkv_bias = false; })},
      {"a head of its own, another activation", with(gpt2_like(),
                                                     [](auto& c) {
                                                       c.tie = false;
                                                       c.act = Activation::gelu_erf;
                                                       c.norm_eps = 1e-6;
                                                     })},
      {"no layers", with(gpt2_like(), [](auto& c) { c.n_layer = 0; })},
      {"Llama", llama_like()},
      {"tied, other frequencies", with(llama_like(),
                                       [](auto& c) {
                                         c.tie = true;
                                         c.rope_theta = 5e5;
                                       })},
      {"Llama with biases", with(llama_like(), [](auto& c) { c.bias = true; })},
      {"Mistral", with(llama_like(), [](auto& c) { c.window = 3; })}};
  for (const auto& [name, config] : models) {
    INFO(name);
    const Exportable e(config);
    const auto again = e.again("hf");
    CHECK(same_bits(*e.model, *again));
    CHECK(logits_of(*again) == logits_of(*e.model));
    CHECK(again->config().window == config.window);
  }
  const Exportable turned(with(llama_like(), [](auto& c) { c.rope_pairs = RotaryPairs::interleaved; }));
  const auto again = turned.again("hf");
  CHECK(again->config().rope_pairs == RotaryPairs::half);
  CHECK(test::close_by_norm(logits_of(*again), logits_of(*turned.model), 1e-6));
}

TEST_CASE("models exported as GGUF are the same when opened again", "[export]") {
  for (const ModelConfig& config :
       {gpt2_like(), with(gpt2_like(), [](auto& c) { c.bias = false; }),
        with(gpt2_like(), [](auto& c) { c.tie = false; }),
        with(llama_like(), [](auto& c) { c.rope_pairs = RotaryPairs::interleaved; }),
        with(llama_like(),
             [](auto& c) { c.rope_pairs = RotaryPairs::interleaved, c.tie = c.bias = true; })}) {
    INFO(to_json(config));
    const Exportable e(config);
    const auto again = e.again("gguf");
    CHECK(same_bits(*e.model, *again));
    // epsilon is stored as a float32
    CHECK(test::close_by_norm(logits_of(*again), logits_of(*e.model), 1e-6));
  }
  const Exportable half(llama_like());
  const auto again = half.again("gguf");
  CHECK(again->config().rope_pairs == RotaryPairs::interleaved);
  CHECK(test::close_by_norm(logits_of(*again), logits_of(*half.model), 1e-6));
}

TEST_CASE(
    "a model with exact GELU is exported with the approximation on request, and the difference is reported",
    "[export]") {
  const Exportable e(with(gpt2_like(), [](auto& c) { c.act = Activation::gelu_erf; }));
  CHECK_THROWS_WITH(e.again("gguf"), Catch::Contains("act = gelu_erf") && Catch::Contains("--act=gelu"));
  const auto again = e.again("gguf", {.act = Activation::gelu_tanh});
  CHECK(again->config().act == Activation::gelu_tanh);
  CHECK(same_bits(*e.model, *again));
  const std::vector<double> exact = logits_of(*e.model), near = logits_of(*again);
  CHECK(exact != near);
  CHECK(test::close_by_norm(near, exact, 1e-3));

  fs::remove(e.path("gguf"));
  const Exported done = export_model(e.own, "gguf", e.path("gguf"), {.act = Activation::gelu_tanh});
  const std::string note = done.notes.at(0), before = "differ by at most ";
  INFO(note);
  CHECK(note.starts_with("warning: act = gelu replaces gelu_erf: on 4 windows of 6 random"));
  const double largest = std::stod(note.substr(note.find(before) + before.size()));
  CHECK(largest > 1e-6);
  CHECK(largest < 1e-2);
  CHECK(export_model(e.own, "hf", e.path("hf")).notes.size() == 1);  // of the tokenizer, which is missing
  CHECK(e.again("hf", {.act = Activation::gelu_tanh})->config().act == Activation::gelu_tanh);
  CHECK_THROWS_WITH(e.again("hf", {.act = Activation::relu}), Catch::Contains("gelu_erf"));
  const Exportable relu(with(gpt2_like(), [](auto& c) { c.act = Activation::relu; }));
  CHECK_THROWS_WITH(relu.again("gguf", {.act = Activation::gelu_tanh}),
                    Catch::Contains("the model has relu"));
}

TEST_CASE("16-bit exports contain the rounded weights; GGUF vectors remain float32", "[export]") {
  const Exportable e(gpt2_like());
  for (const DType dtype : {DType::f16, DType::bf16}) {
    INFO(name_of(dtype));
    const auto rounded = [&](float x) {
      return dtype == DType::f16 ? static_cast<float>(Float16(x)) : static_cast<float>(BFloat16(x));
    };
    for (const char* format : {"hf", "gguf"}) {
      INFO(format);
      const auto again = e.again(format, {.dtype = dtype});
      for (Parameter& p : again->parameters().all()) {
        INFO(p.name);
        std::vector<float> expected = e.model->parameters().find(p.name)->value.values<float>();
        const bool narrow =
            std::string_view(format) == "hf" || (p.shape.rank() == 2 && p.name != "transformer.wpe.weight");
        if (narrow)
          for (float& value : expected) value = rounded(value);
        CHECK(p.value.values<float>() == expected);
      }
    }
    CHECK(SafetensorsFile(e.path("hf/model.safetensors")).entries()[0].dtype == dtype);
    CHECK(GgufFile(e.path("gguf")).find("token_embd.weight")->dtype == dtype);
  }
  Exportable large(gpt2_like());
  std::vector<float> table(88, 70000.0f);
  large.model->parameters().find("transformer.wte.weight")->value.upload(table.data());
  save_weights(large.path("large.safetensors"), *large.model);
  large.own = own_model(large.path("large.safetensors"), gpt2_like(), nullptr);
  CHECK(test::fails(ErrorCode::input, {"transformer.wte.weight contains 70000", "bf16"},
                    [&] { export_model(large.own, "hf", large.path("hf"), {.dtype = DType::f16}); }));
  CHECK_FALSE(fs::exists(large.path("hf")));
}

TEST_CASE("a cropped context computes the same within its length", "[export]") {
  for (const ModelConfig& config : {gpt2_like(), llama_like()}) {
    const Exportable e(config);
    const std::vector<double> whole = logits_of(*e.model);
    for (const char* format : {"hf", "gguf"}) {
      INFO(format);
      const auto again = e.again(format, {.block_size = 4});
      CHECK(again->config().block_size == 4);
      CHECK(test::close_by_norm(logits_of(*again), {whole.begin(), whole.begin() + 44}, 1e-6));
    }
    CHECK_THROWS_WITH(export_model(e.own, "hf", e.path("x"), {.block_size = 7}),
                      Catch::Contains("longer than the model's 6"));
  }
}

TEST_CASE("only the parameters can be exported for any architecture", "[export]") {
  ModelConfig table;
  table.arch = "bigram";
  table.vocab_size = 5;
  ModelConfig recurrent = table;
  recurrent.arch = "lstm";
  for (const ModelConfig& config : {table, recurrent, with(gpt2_like(), [](auto& c) {
                                      c.norm_place = NormPlace::post;
                                      c.pos = Positions::sinusoidal;
                                    })}) {
    const Exportable e(config);
    export_model(e.own, "safetensors", e.path("own.safetensors"));
    const SafetensorsFile file(e.path("own.safetensors"));
    const ModelConfig said = model_config_from_json(file.metadata().at("hewn.config"));
    CHECK(to_json(said) == to_json(config));
    const auto again = make_model(said, cpu());
    load_weights(file.path(), *again);
    CHECK(same_bits(*e.model, *again));
  }
}

TEST_CASE("llama2.c's file is correct, number by number", "[export]") {
  const Exportable e(with(llama_like(), [](auto& c) {
    c.n_layer = 1;
    c.rope_pairs = RotaryPairs::interleaved;
  }));
  export_model(e.own, "llama2c", e.path("model.bin"));
  const std::string bytes = test::read_file(e.path("model.bin"));
  const int32_t header[] = {16, 12, 1, 4, 2, -11, 6};
  REQUIRE(bytes.size() > sizeof header);
  CHECK(std::memcmp(bytes.data(), header, sizeof header) == 0);
  std::vector<float> found((bytes.size() - sizeof header) / 4), expected;
  std::memcpy(found.data(), bytes.data() + sizeof header, found.size() * 4);
  const auto put = [&](const std::string& name, int64_t first, int64_t width) {  // columns, turned
    const Parameter& p = *e.model->parameters().find("transformer." + name);
    const std::vector<float> values = p.value.values<float>();
    const int64_t cols = p.shape[p.shape.rank() - 1];
    for (int64_t c = first; c < first + width; ++c)
      for (int64_t r = 0; r < p.shape.numel() / cols; ++r)
        expected.push_back(values[static_cast<size_t>(r * cols + c)]);
  };
  const auto whole = [&](const std::string& name) {
    const std::vector<float> values = e.model->parameters().find(name)->value.values<float>();
    expected.insert(expected.end(), values.begin(), values.end());
  };
  whole("transformer.wte.weight");
  whole("transformer.h.0.ln_1.weight");
  put("h.0.attn.c_attn.weight", 0, 16);
  put("h.0.attn.c_attn.weight", 16, 8);
  put("h.0.attn.c_attn.weight", 24, 8);
  put("h.0.attn.c_proj.weight", 0, 16);
  whole("transformer.h.0.ln_2.weight");
  put("h.0.mlp.c_fc.weight", 0, 12);
  put("h.0.mlp.c_proj.weight", 0, 16);
  put("h.0.mlp.c_fc.weight", 12, 12);
  whole("transformer.ln_f.weight");
  for (int t = 0; t < 6; ++t)
    for (const double f : {1.0, 0.01}) expected.push_back(static_cast<float>(std::cos(t * f)));
  for (int t = 0; t < 6; ++t)
    for (const double f : {1.0, 0.01}) expected.push_back(static_cast<float>(std::sin(t * f)));
  whole("lm_head.weight");
  CHECK(found == expected);

  // In the other order of pairs, the first and the second half of a head take turns.
  const Exportable half(with(llama_like(), [](auto& c) { c.n_layer = 1; }));
  export_model(half.own, "llama2c", half.path("model.bin"));
  const std::string other = test::read_file(half.path("model.bin"));
  const std::vector<float> qkv =
      half.model->parameters().find("transformer.h.0.attn.c_attn.weight")->value.values<float>();
  const size_t wq = sizeof header / 4 + 11 * 16 + 16;
  for (size_t row = 0; row < 4; ++row) {
    float first = 0;
    std::memcpy(&first, other.data() + 4 * (wq + row * 16), 4);
    CHECK(first == qkv[std::array<size_t, 4>{0, 2, 1, 3}[row]]);
  }
}

TEST_CASE("every activation of transformers is exported and read back", "[export]") {
  for (const ActivationRow& row : activation_table) {
    if (!row.act || !row.huggingface) continue;
    INFO(row.name);
    const Exportable e(with(gpt2_like(), [&](auto& c) { c.act = row.kind; }));
    export_model(e.own, "hf", e.path("out"), {});
    CHECK(open_foreign(e.path("out")).config.act == row.kind);
    if (row.huggingface_too) {
      CHECK(huggingface_config(R"({"model_type": "gpt2", "vocab_size": 3, "n_positions": 4, "n_layer": 1,
                                   "n_head": 1, "n_embd": 2, "activation_function": ")" +
                               std::string(row.huggingface_too) + "\"}")
                .act == row.kind);
    }
  }
}

TEST_CASE("a model that a format cannot express is refused, with every reason", "[export]") {
  const auto refused = [](const char* format, const ModelConfig& config,
                          std::initializer_list<std::string> parts, const ExportOptions& options = {}) {
    const Exportable e(config);
    const auto failure =
        test::fails(ErrorCode::usage, parts, [&] { export_model(e.own, format, e.path("out"), options); });
    CHECK_FALSE(fs::exists(e.path("out")));
    return failure;
  };
  CHECK(refused("hf", with(gpt2_like(), [](auto& c) { c.norm_place = NormPlace::post, c.residual = false; }),
                {"transformers cannot express", "norm_place = post", "residual = false"}));
  CHECK(refused("hf", with(gpt2_like(), [](auto& c) { c.pos = Positions::sinusoidal; }), {"pos = sin"}));
  CHECK(refused("gguf", with(gpt2_like(), [](auto& c) { c.pos = Positions::none; }), {"pos = none"}));
  CHECK(refused("hf", with(gpt2_like(), [](auto& c) { c.norm = NormKind::rmsnorm; }), {"norm = rmsnorm"}));
  CHECK(refused("hf", with(gpt2_like(), [](auto& c) { c.act = MlpActivation::swiglu; }), {"act = swiglu"}));
  CHECK(refused("hf", with(gpt2_like(), [](auto& c) { c.n_kv_head = 1; }), {"n_kv_head = 1"}));
  CHECK(refused("hf", with(gpt2_like(), [](auto& c) { c.window = 2; }), {"window = 2"}));
  CHECK(refused("hf", with(gpt2_like(), [](auto& c) { c.pos_combine = PosCombine::concat, c.tie = false; }),
                {"pos_combine = concat"}));
  CHECK(
      refused("hf", with(llama_like(), [](auto& c) { c.norm = NormKind::layernorm; }), {"norm = layernorm"}));
  CHECK(refused("hf", with(llama_like(), [](auto& c) { c.act = Activation::silu; }), {"act = silu"}));
  CHECK(refused("hf", with(llama_like(), [](auto& c) { c.bias = true, c.window = 2; }),
                {"bias = true", "expected false"}));
  CHECK(refused("gguf", with(llama_like(), [](auto& c) { c.window = 2; }), {"llama.cpp", "window = 2"}));
  CHECK(refused("gguf", with(gpt2_like(), [](auto& c) { c.act = Activation::relu; }), {"act = relu"}));
  CHECK(refused("llama2c", gpt2_like(), {"llama2.c", "pos = learned"}));
  CHECK(refused("llama2c", with(llama_like(), [](auto& c) { c.rope_theta = 5e5, c.bias = true; }),
                {"rope_theta", "bias = true"}));
  CHECK(refused("llama2c", with(llama_like(), [](auto& c) { c.norm_eps = 1e-6; }), {"norm_eps", "1e-05"}));
  CHECK(refused("llama2c", llama_like(), {"dtype = f16"}, {.dtype = DType::f16}));
  CHECK(refused("onnx", gpt2_like(), {"\"onnx\" is not an export format"}));
  // A window as long as the context is none.
  CHECK(same_bits(*Exportable(gpt2_like()).model,
                  *Exportable(with(gpt2_like(), [](auto& c) { c.window = 6; })).again("hf")));
}

TEST_CASE("existing files are kept, except with force", "[export]") {
  const Exportable e(gpt2_like());
  test::write_file(e.path("file"), "mine");
  fs::create_directory(e.path("dir"));
  test::write_file(e.path("dir/mine"), "mine");
  for (const char* format : {"hf", "gguf", "safetensors"})
    for (const char* name : {"file", "dir"})
      CHECK(test::fails(ErrorCode::usage, {"exists"}, [&] { export_model(e.own, format, e.path(name)); }));
  const Exported done = export_model(e.own, "hf", e.path("dir"), {.force = true});
  CHECK(test::read_file(e.path("dir.1/mine")) == "mine");
  CHECK(done.notes.back().find("dir.1") != std::string::npos);
  CHECK(fs::exists(e.path("dir/config.json")));
  export_model(e.own, "hf", e.path("dir/"), {.force = true});
  CHECK(fs::exists(e.path("dir.2/config.json")));
  export_model(e.own, "gguf", e.path("file"), {.force = true});
  CHECK(GgufFile(e.path("file")).text("general.architecture") == "gpt2");
  CHECK(
      test::fails(ErrorCode::failed, {"nowhere"}, [&] { export_model(e.own, "hf", e.path("nowhere/out")); }));
  // No temporary files are left.
  for (const auto& entry : fs::directory_iterator(e.dir.path()))
    CHECK(entry.path().filename().string().find("tmp") == std::string::npos);
}

TEST_CASE("what a killed export to a directory left is removed by the next one", "[export]") {
  const Exportable e(gpt2_like());
  fs::create_directory(e.path(".hewn-tmp-dir"));
  test::write_file(e.path(".hewn-tmp-dir/model.safetensors"), "half");
  export_model(e.own, "hf", e.path("dir"));
  CHECK(fs::exists(e.path("dir/config.json")));
  CHECK_FALSE(fs::exists(e.path(".hewn-tmp-dir")));
}

TEST_CASE("an export to a directory that another process writes is refused", "[export]") {
  const Exportable e(gpt2_like());
  fs::create_directory(e.path(".hewn-tmp-dir"));
  test::write_file(e.path(".hewn-tmp-dir/model.safetensors"), "theirs");
  const int theirs = ::open(e.path(".hewn-tmp-dir").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(::flock(theirs, LOCK_EX | LOCK_NB) == 0);
  CHECK(test::fails(ErrorCode::failed, {"another process is exporting to " + e.path("dir")},
                    [&] { export_model(e.own, "hf", e.path("dir")); }));
  CHECK(test::read_file(e.path(".hewn-tmp-dir/model.safetensors")) == "theirs");
  CHECK_FALSE(fs::exists(e.path("dir")));
  ::close(theirs);
  export_model(e.own, "hf", e.path("dir"));
  CHECK(fs::exists(e.path("dir/config.json")));
}

TEST_CASE("a file in the place of an export's unfinished directory is kept", "[export]") {
  const Exportable e(gpt2_like());
  test::write_file(e.path(".hewn-tmp-dir"), "mine");
  CHECK(test::fails(ErrorCode::failed, {e.path(".hewn-tmp-dir") + ": cannot be opened: Not a directory"},
                    [&] { export_model(e.own, "hf", e.path("dir")); }));
  CHECK(test::read_file(e.path(".hewn-tmp-dir")) == "mine");
}

TEST_CASE("an existing directory that cannot be renamed is kept", "[export]") {
  const Exportable e(gpt2_like());
  fs::create_directory(e.path("dir"));
  test::write_file(e.path("dir/mine"), "mine");
  // A directory cannot be renamed by the name "." that it has in itself.
  CHECK(test::fails(ErrorCode::failed, {e.path("dir/.") + ": cannot be renamed to make room: "},
                    [&] { export_model(e.own, "hf", e.path("dir/."), {.force = true}); }));
  CHECK(test::read_file(e.path("dir/mine")) == "mine");
  CHECK(std::distance(fs::directory_iterator(e.path("dir")), {}) == 1);
}

TEST_CASE("weights are exported as 16 or 32 bits only", "[export]") {
  const Exportable e(gpt2_like());
  CHECK(test::fails(ErrorCode::usage, {"dtype f64 cannot be written; expected f32, f16 or bf16"}, [&] {
    export_model(e.own, "safetensors", e.path("wide.safetensors"), {.dtype = DType::f64});
  }));
  CHECK_FALSE(fs::exists(e.path("wide.safetensors")));
}

TEST_CASE("tensors of Llama that are no parameters are passed over", "[export]") {
  const Exportable e(with(llama_like(), [](auto& c) { c.tie = true; }));
  export_model(e.own, "hf", e.path("hf"));
  std::vector<TensorEntry> tensors;
  const SafetensorsFile file(e.path("hf/model.safetensors"));
  file.each([&](const TensorEntry& entry) { tensors.push_back(entry); });
  const TensorEntry* table = file.find("model.embed_tokens.weight");
  REQUIRE(table);
  const auto reopened = [&](const std::string& name) {
    std::vector<TensorEntry> more = tensors;
    more.push_back(*table);
    more.back().name = name;
    fs::create_directories(e.path("more"));
    fs::copy_file(e.path("hf/config.json"), e.path("more/config.json"), fs::copy_options::overwrite_existing);
    test::write_safetensors(e.path("more/model.safetensors"), more);
    return load_foreign(open_foreign(e.path("more")), cpu());
  };
  CHECK(same_bits(*e.model, *reopened("lm_head.weight")));
  CHECK(same_bits(*e.model, *reopened("model.layers.0.self_attn.rotary_emb.inv_freq")));
  CHECK(test::fails(ErrorCode::input, {"unknown: model.layers.0.self_attn.rotary_emb.freq"},
                    [&] { reopened("model.layers.0.self_attn.rotary_emb.freq"); }));
}

TEST_CASE("a note says when f64 weights are written as a narrower type", "[export]") {
  const Exportable e(gpt2_like());
  const std::string wide = e.path("wide.safetensors");
  save_foreign(wide, e.own, DType::f64);
  const Exported done = export_model(own_model(wide, e.own.config, nullptr), "safetensors", e.path("narrow"));
  CHECK(done.notes == std::vector<std::string>{"the model's weights are f64, but are written as f32"});
  CHECK(export_model(e.own, "safetensors", e.path("same")).notes.empty());
}

TEST_CASE("GGUF models with unsupported settings are refused", "[export]") {
  const test::TempDir dir;
  const std::string path = (dir / "model.gguf").string();
  const float values[4] = {};
  const auto opened = [&](const GgufKeys& keys, std::initializer_list<std::string> parts) {
    GgufWriter writer(path, keys, {{.name = "token_embd.weight", .shape = {2, 2}}});
    writer.append("token_embd.weight", values, sizeof values);
    writer.finish();
    return test::fails(ErrorCode::input, parts, [&] { load_foreign(open_foreign(path), cpu()); });
  };
  GgufKeys keys{{"general.architecture", std::string("llama")},
                {"llama.context_length", uint32_t{8}},
                {"llama.block_count", uint32_t{1}},
                {"llama.attention.head_count", uint32_t{1}},
                {"llama.embedding_length", uint32_t{2}},
                {"llama.attention.layer_norm_rms_epsilon", 1e-5f}};
  CHECK(opened({}, {"general.architecture"}));
  CHECK(opened({{"general.architecture", std::string("mamba")}}, {"\"mamba\"", "gpt2 and llama"}));
  CHECK(opened({keys.begin(), keys.end() - 1}, {"layer_norm_rms_epsilon"}));
  CHECK(opened(keys, {"missing: blk.0.attn_norm.weight", "missing: output_norm.weight"}));
  const auto also = [&](const char* key, GgufValue value) {
    GgufKeys all = keys;
    all.emplace_back(key, std::move(value));
    return all;
  };
  CHECK(opened(also("llama.rope.scaling.type", std::string("linear")), {"llama.rope.scaling.type"}));
  CHECK(opened(also("llama.rope.dimension_count", uint32_t{1}), {"only a part of each head"}));
  keys[3].second = uint32_t{0};
  CHECK(opened(keys, {"n_head = 0"}));
  keys[2].second = uint32_t{4000000000};
  CHECK(opened(keys, {"n_layer = 4000000000"}));
}

}  // namespace hewn

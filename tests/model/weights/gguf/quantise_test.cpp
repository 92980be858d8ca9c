// Models with weights in blocks: which format each tensor has, and what is computed with them.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>

#include "model/cache.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/gguf/mixtures.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/gpu.h"

namespace hewn::test {
namespace {

ModelConfig wide(ModelConfig c) {
  c.n_embd = 256;
  c.mlp_width = 512;
  c.vocab_size = 40;
  return c;
}

/// A model with initial weights, of which nothing but the norms' ones is alike: small errors have small effects.
struct Initial {
  TempDir dir;
  std::unique_ptr<Model> model;
  ForeignModel own;

  explicit Initial(const ModelConfig& config) : model(make_model(config, cpu(), DType::f32, 3, false)) {
    save_weights(path("model.safetensors"), *model);
    own = own_model(path("model.safetensors"), config, nullptr);
  }
  std::string path(const std::string& name) const { return (dir / name).string(); }
};

ExportOptions quantised(const std::string& mixture, std::vector<ChosenFormat> choices = {}) {
  ExportOptions options;
  options.quantise = Quantisation{.mixture = mixture, .choices = std::move(choices)};
  return options;
}

/// The type of each tensor of a GPT-2 of 12 layers.
std::map<std::string, std::string> types_in(const std::string& mixture,
                                            const std::vector<ChosenFormat>& choices, int64_t n_embd = 768) {
  ModelConfig c = gpt2_like();
  c.n_layer = 12;
  c.n_embd = n_embd;
  std::vector<TensorEntry> entries;
  const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
    entries.push_back({.name = name, .shape = std::move(shape)});
  };
  add("token_embd.weight", {50257, n_embd});
  add("position_embd.weight", {1024, n_embd});
  for (int64_t layer = 0; layer < c.n_layer; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    add(block + "attn_norm.weight", {n_embd});
    add(block + "attn_qkv.weight", {3 * n_embd, n_embd});
    add(block + "attn_output.weight", {n_embd, n_embd});
    add(block + "ffn_up.weight", {4 * n_embd, n_embd});
    add(block + "ffn_down.weight", {n_embd, 4 * n_embd});
  }
  choose_formats(find_mixture(mixture), choices, c, entries);
  std::map<std::string, std::string> types;
  for (const TensorEntry& entry : entries) types[entry.name] = entry.type_name();
  return types;
}

Tensor tokens_of(const ModelConfig& config, int64_t batch) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < batch * config.block_size; ++i)
    ids.push_back(static_cast<int32_t>((7 * i + 3) % config.vocab_size));
  return Tensor::from(cpu(), ids, Shape{batch, config.block_size});
}

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.doubles(), y = b.doubles();
  REQUIRE(x.size() == y.size());
  double most = 0;
  for (size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i] - y[i]));
  return most;
}

double norm_of(const Tensor& a) {
  double squares = 0;
  for (const double x : a.doubles()) squares += x * x;
  return std::sqrt(squares / static_cast<double>(a.numel()));
}

}  // namespace

TEST_CASE("quantise: mixtures give more bits where llama.cpp's do", "[quantise]") {
  const auto m = types_in("q4_k_m", {});
  CHECK(m.at("token_embd.weight") == "q6_k");  // also the head
  CHECK(m.at("position_embd.weight") == "f32");
  CHECK(m.at("blk.0.attn_norm.weight") == "f32");
  // 12 layers: the first, the last two, and of the others every third
  for (const int layer : {0, 3, 6, 9, 10, 11}) {
    INFO(layer);
    CHECK(m.at("blk." + std::to_string(layer) + ".attn_qkv.weight") == "q6_k");
    CHECK(m.at("blk." + std::to_string(layer) + ".ffn_down.weight") == "q6_k");
  }
  for (const int layer : {1, 2, 4, 5, 7, 8}) {
    INFO(layer);
    CHECK(m.at("blk." + std::to_string(layer) + ".attn_qkv.weight") == "q4_k");
    CHECK(m.at("blk." + std::to_string(layer) + ".ffn_down.weight") == "q4_k");
  }
  CHECK(m.at("blk.0.attn_output.weight") == "q4_k");

  const auto s = types_in("q4_k_s", {});
  CHECK(s.at("blk.0.ffn_down.weight") == "q5_k");
  CHECK(s.at("blk.1.ffn_down.weight") == "q4_k");
  CHECK(s.at("blk.3.attn_qkv.weight") == "q5_k");
  CHECK(s.at("blk.4.attn_qkv.weight") == "q4_k");

  CHECK(types_in("q8_0", {}).at("token_embd.weight") == "q8_0");
  CHECK(types_in("q4_0", {}).at("token_embd.weight") == "q6_k");
  CHECK(types_in("bf16", {}).at("blk.5.ffn_up.weight") == "bf16");
}

TEST_CASE("quantise: rows that blocks do not divide get blocks that do, or none", "[quantise]") {
  const auto of_32 = types_in("q4_k_m", {}, 96);
  CHECK(of_32.at("blk.1.ffn_up.weight") == "q5_0");    // instead of q4_k
  CHECK(of_32.at("blk.0.attn_qkv.weight") == "q8_0");  // instead of q6_k
  CHECK(of_32.at("token_embd.weight") == "q8_0");
  CHECK(types_in("q4_0", {}, 72).at("blk.1.ffn_up.weight") == "bf16");
}

TEST_CASE("quantise: matrices with the same rows and formats share a note, which names the first",
          "[quantise]") {
  std::vector<TensorEntry> entries;
  for (int layer = 0; layer < 6; ++layer)
    entries.push_back({.name = "blk." + std::to_string(layer) + ".ffn_up.weight", .shape = {8, 128}});
  entries.push_back({.name = "blk.0.attn_output.weight", .shape = {8, 72}});
  entries.push_back({.name = "blk.1.attn_output.weight", .shape = {8, 256}});
  const std::string up = "blk.0.ffn_up.weight, blk.1.ffn_up.weight, blk.2.ffn_up.weight, blk.3.ffn_up.weight";
  CHECK(choose_formats(find_mixture("q4_k_m"), {}, gpt2_like(), entries) ==
        std::vector<std::string>{
            "6 matrices with rows of 128 values are q5_0 instead of q4_k, whose blocks have 256: " + up +
                " and 2 more",
            "1 matrix with rows of 72 values is bf16 instead of q4_k, whose blocks have 256: "
            "blk.0.attn_output.weight"});
}

TEST_CASE("quantise: the first choice that matches a name counts", "[quantise]") {
  const auto chosen = types_in("q4_k_m", {{"blk.1.*", "q8_0"}, {"*ffn_down*", "bf16"}, {"*", "q4_0"}});
  CHECK(chosen.at("blk.1.ffn_down.weight") == "q8_0");
  CHECK(chosen.at("blk.2.ffn_down.weight") == "bf16");
  CHECK(chosen.at("blk.2.ffn_up.weight") == "q4_0");
  CHECK(chosen.at("token_embd.weight") == "q4_0");
  CHECK(chosen.at("position_embd.weight") == "f32");
  CHECK(fails(ErrorCode::usage, {"*nothing*", "matches no matrix"}, [] {
    types_in("q8_0", {{"*nothing*", "q4_0"}});
  }));
  CHECK(fails(ErrorCode::usage, {"q7_k", "q6_k"}, [] { types_in("q8_0", {{"*", "q7_k"}}); }));
  CHECK(fails(ErrorCode::usage, {"q3", "q4_k_m"}, [] { types_in("q3", {}); }));
}

TEST_CASE("quantise: a file in blocks computes nearly what its widened weights do", "[quantise]") {
  for (const ModelConfig& config : {wide(gpt2_like()), wide(llama_like())}) {
    const Initial e(config);
    for (const char* mixture : {"q8_0", "dynamic_q8", "q4_0", "q4_k_m"}) {
      INFO(mixture);
      const std::string file = e.path("model.gguf");
      ExportOptions options = quantised(mixture, {{"*attn_output*", "q5_0"}});
      options.force = true;
      const Exported done = export_model(e.own, "gguf", file, options);
      CHECK(done.bytes == std::filesystem::file_size(file));
      const ForeignModel foreign = open_foreign(file);
      const auto in_blocks = open_foreign_weights(foreign, cpu()), widened = load_foreign(foreign, cpu());
      CHECK(in_blocks->parameters().find("transformer.h.1.attn.c_proj.weight")->blocks);
      const Tensor tokens = tokens_of(config, 3);
      const NoGrad none;
      const Tensor logits = in_blocks->logits(tokens), expected = widened->logits(tokens);
      // x is rounded to 8 bits before each product: an error of up to 1/254 of a block's largest element.
      CHECK(largest_difference(logits, expected) < 0.1 * norm_of(expected));
      CHECK(largest_difference(logits, expected) > 0);  // it is not the widened model
      const Tensor losses = in_blocks->target_losses(tokens, tokens), mean = in_blocks->loss(tokens, tokens);
      double sum = 0;
      for (const double loss : losses.doubles()) sum += loss;
      CHECK(mean.item() == Approx(sum / static_cast<double>(losses.numel())).epsilon(1e-6));
      CHECK(mean.item() == Approx(widened->loss(tokens, tokens).item()).epsilon(0.02));
    }
  }
}

TEST_CASE("quantise: dynamic_q8 has one scale for a row of weights and one for a row of inputs",
          "[quantise]") {
  const Initial e(wide(gpt2_like()));
  const std::string file = e.path("model.gguf");
  export_model(e.own, "gguf", file, quantised("dynamic_q8"));
  const ForeignModel dynamic = open_foreign(file);
  const TensorEntry& entry = *dynamic.tensors->find("blk.0.ffn_up.weight");
  CHECK(entry.type_name() == "dynamic_q8");
  const BlockFormat& format = format_of(*entry.blocks);
  const int64_t blocks = entry.shape[1] / format.elements;
  for (int64_t row = 0; row < entry.shape[0]; ++row) {
    int most = 0;
    float scale = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      OpenBlock open;
      format.open(static_cast<const uint8_t*>(entry.data) + (row * blocks + b) * format.bytes, open);
      if (b > 0) CHECK(open.scale[0] == scale);
      scale = open.scale[0];
      for (int i = 0; i < format.elements; ++i) most = std::max(most, std::abs(int{open.q[i]}));
    }
    CHECK(most >= 126);  // 127, but for the rounding of the scale
  }
  // Without the key, the same weights are read, but their inputs are rounded block by block, as in q8_0.
  std::string bytes = read_file(file);
  bytes.replace(bytes.find(one_scale_key), std::strlen(one_scale_key), "hewn.any_scale");
  write_file(e.path("usual.gguf"), bytes);
  const ForeignModel usual = open_foreign(e.path("usual.gguf"));
  const Tensor tokens = tokens_of(dynamic.config, 3);
  const NoGrad none;
  const auto logits = [&](const ForeignModel& model) {
    return open_foreign_weights(model, cpu())->logits(tokens);
  };
  const Tensor exact = load_foreign(dynamic, cpu())->logits(tokens);
  CHECK(largest_difference(logits(dynamic), exact) > largest_difference(logits(usual), exact));
}

TEST_CASE("quantise: cached decoding of a file in blocks equals a whole pass", "[quantise]") {
  const Initial e(wide(llama_like()));
  export_model(e.own, "gguf", e.path("model.gguf"), quantised("q8_0"));
  const auto model = open_foreign_weights(open_foreign(e.path("model.gguf")), cpu());
  const Tensor tokens = tokens_of(model->config(), 2);
  const NoGrad none;
  const Tensor whole = model->logits(tokens);
  const auto cache = model->make_cache(2, model->config().block_size);
  for (int64_t t = 0; t < tokens.dim(1); ++t) {
    const Tensor next = Tensor::from(cpu(), tokens.sliced(1, t, 1).values<int32_t>(), Shape{2, 1});
    const Tensor logits = model->logits(next, {.cache = cache.get()});
    CHECK(largest_difference(logits, whole.sliced(1, t, 1)) < 1e-3 * norm_of(whole));
  }
}

TEST_CASE("quantise: a GPU keeps blocks, and computes nearly what a CPU does with them", "[quantise]") {
  if (left_out()) return;
  const auto gpu = make_test_gpu();
  if (!gpu) return;
  for (const ModelConfig& config : {wide(gpt2_like()), wide(llama_like())})
    for (const char* mixture : {"q8_0", "dynamic_q8", "q4_0", "q4_k_m"}) {
      INFO(mixture);
      const Initial e(config);
      export_model(e.own, "gguf", e.path("model.gguf"), quantised(mixture, {{"*attn_output*", "q5_0"}}));
      const ForeignModel foreign = open_foreign(e.path("model.gguf"));
      const auto here = open_foreign_weights(foreign, cpu()), there = open_foreign_weights(foreign, *gpu);
      CHECK(there->parameters().find("transformer.h.1.attn.c_proj.weight")->blocks);
      CHECK(there->parameters().bytes_read() == here->parameters().bytes_read());
      const Tensor tokens = tokens_of(config, 2);
      const Tensor sent = Tensor::from(*gpu, tokens.values<int32_t>(), tokens.shape());
      const NoGrad none;
      const std::vector<double> expected = here->logits(tokens).doubles(),
                                found = there->logits(sent).doubles();
      REQUIRE(found.size() == expected.size());
      for (size_t i = 0; i < found.size(); ++i) CHECK(found[i] == Approx(expected[i]).margin(2e-2));
    }
}

TEST_CASE("quantise: rows whose targets are all ignored have no loss", "[quantise]") {
  const Exportable e(wide(gpt2_like()));
  export_model(e.own, "gguf", e.path("model.gguf"), quantised("q8_0"));
  const auto model = open_foreign_weights(open_foreign(e.path("model.gguf")), cpu());
  const Tensor tokens = tokens_of(model->config(), 2);
  std::vector<int32_t> wanted = tokens.values<int32_t>();
  std::fill(wanted.begin() + 1, wanted.end(), -100);
  const Tensor targets = Tensor::from(cpu(), wanted, tokens.shape());
  const NoGrad none;
  const std::vector<double> losses = model->target_losses(tokens, targets).doubles();
  CHECK(losses[0] > 0);
  CHECK(std::all_of(losses.begin() + 1, losses.end(), [](double loss) { return loss == 0; }));
  CHECK(model->loss(tokens, targets).item() == Approx(losses[0]));
}

TEST_CASE("quantise: errors of each tensor are those of the file", "[quantise]") {
  const Exportable e(wide(gpt2_like()));
  const Exported done =
      export_model(e.own, "gguf", e.path("model.gguf"), quantised("q8_0", {{"*ffn_up*", "bf16"}}));
  const auto before = load_foreign(e.own, cpu()),
             after = load_foreign(open_foreign(e.path("model.gguf")), cpu());
  const auto found = [&](const std::string& name) {
    return *std::find_if(done.tensors.begin(), done.tensors.end(),
                         [&](const WrittenTensor& t) { return t.name == name; });
  };
  const auto check = [&](const std::string& ours, const std::string& theirs, const char* format) {
    INFO(ours);
    const std::vector<double> x = before->parameters().find(ours)->value.doubles(),
                              y = after->parameters().find(ours)->value.doubles();
    double squares = 0, most = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      squares += (x[i] - y[i]) * (x[i] - y[i]);
      most = std::max(most, std::abs(x[i] - y[i]));
    }
    CHECK(found(theirs).format == format);
    CHECK(found(theirs).squares == Approx(squares).epsilon(1e-9));
    CHECK(found(theirs).max_error == most);
  };
  check("transformer.h.0.attn.c_attn.weight", "blk.0.attn_qkv.weight", "q8_0");
  check("transformer.h.1.mlp.c_fc.weight", "blk.1.ffn_up.weight", "bf16");
  check("transformer.ln_f.weight", "output_norm.weight", "f32");
}

TEST_CASE("quantise: columns that matter have smaller errors", "[quantise]") {
  const Initial e(wide(gpt2_like()));
  const auto error = [&](const std::vector<float>& importance, int64_t begin, int64_t end) {
    ExportOptions options = quantised("q4_0");
    options.force = true;
    if (!importance.empty()) options.quantise->importance["blk.0.ffn_up.weight"] = importance;
    export_model(e.own, "gguf", e.path("model.gguf"), options);
    const auto after = load_foreign(open_foreign(e.path("model.gguf")), cpu());
    const Tensor x = e.model->parameters().find("transformer.h.0.mlp.c_fc.weight")->value;  // [in, out]
    const Tensor y = after->parameters().find("transformer.h.0.mlp.c_fc.weight")->value;
    const std::vector<double> a = x.sliced(0, begin, end - begin).doubles(),
                              b = y.sliced(0, begin, end - begin).doubles();
    double squares = 0;
    for (size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
    return squares;
  };
  std::vector<float> importance(256, 0.01f);
  std::fill(importance.begin(), importance.begin() + 4, 1.0f);
  CHECK(error(importance, 0, 4) < 0.7 * error({}, 0, 4));
  CHECK(error(importance, 4, 256) > error({}, 4, 256));
  CHECK(fails(ErrorCode::input, {"blk.0.ffn_up.weight", "3 columns"}, [&] { error({1, 1, 1}, 0, 4); }));
}

TEST_CASE("quantise: a file with any byte changed is refused with a reason, or computes", "[quantise]") {
  ModelConfig config = llama_like();
  config.n_embd = 32;
  config.mlp_width = 32;
  config.n_layer = 1;
  const Initial e(config);
  export_model(e.own, "gguf", e.path("model.gguf"),
               quantised("q4_0", {{"*ffn*", "q8_0"}, {"*attn_v*", "q5_0"}}));
  const std::string whole = read_file(e.path("model.gguf"));
  const NoGrad none;
  int refused = 0, computed = 0;
  const auto step = static_cast<size_t>(repeats(17, 1));
  for (size_t at = 0; at < whole.size(); at += step) {
    std::string broken = whole;
    broken[at] = static_cast<char>(broken[at] ^ (1 << at % 8));
    write_file(e.path("broken.gguf"), broken);
    try {
      const auto model = open_foreign_weights(open_foreign(e.path("broken.gguf")), cpu());
      if (model->config().block_size <= 64) model->logits(tokens_of(model->config(), 1));
      ++computed;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::input) FAIL("byte " << at << ": " << error.what());
      ++refused;
    }
  }
  CHECK(refused > 0);
  CHECK(computed > refused);
}

TEST_CASE("quantise: what cannot be written is refused, and nothing is left", "[quantise]") {
  const Exportable e(wide(gpt2_like()));
  CHECK(fails(ErrorCode::usage, {"only gguf"},
              [&] { export_model(e.own, "hf", e.path("hf"), quantised("q8_0")); }));
  const Exportable post(with(wide(gpt2_like()), [](ModelConfig& c) { c.norm_place = NormPlace::post; }));
  CHECK(fails(ErrorCode::usage, {"norm_place = post"},
              [&] { export_model(post.own, "gguf", post.path("model.gguf"), quantised("q8_0")); }));
  Parameter& p = *e.model->parameters().find("transformer.h.0.mlp.c_fc.weight");
  const std::vector<float> whole = p.value.values<float>();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::pair<size_t, float> wrong[] = {{0, -infinity}, {5, std::nanf("")}, {whole.size() - 1, infinity}};
  for (const auto& [at, value] : wrong) {
    std::vector<float> values = whole;
    values[at] = value;
    p.value.upload(values.data());
    save_weights(e.path("bad.safetensors"), *e.model);
    const ForeignModel bad = own_model(e.path("bad.safetensors"), e.model->config(), nullptr);
    CHECK(fails(ErrorCode::input, {"blk.0.ffn_up.weight", std::isnan(value) ? "nan" : "inf"},
                [&] { export_model(bad, "gguf", e.path("bad.gguf"), quantised("q8_0")); }));
  }
  CHECK_FALSE(std::filesystem::exists(e.path("bad.gguf")));
}

TEST_CASE("quantise: a value for which no scale is large enough is refused, in every format", "[quantise]") {
  const Exportable e(with(wide(gpt2_like()), [](ModelConfig& c) { c.n_layer = 1, c.mlp_width = 32; }));
  Parameter& p = *e.model->parameters().find("transformer.h.0.mlp.c_fc.weight");
  std::vector<float> values = p.value.values<float>();
  const auto write = [&](const std::string& format, float value) {
    values[700] = value;
    p.value.upload(values.data());
    save_weights(e.path("large.safetensors"), *e.model);
    auto options = quantised("bf16", {{"*ffn_up*", format}});
    if (format == "dynamic_q8") options = quantised(format);
    options.force = true;
    export_model(own_model(e.path("large.safetensors"), e.model->config(), nullptr), "gguf",
                 e.path("large.gguf"), options);
  };
  constexpr float most_scale = 65504;
  // The largest value of each format, see kernels/qmatmul/blocks.h, and what its scales are integers of.
  for (const auto& [format, most] : std::map<std::string, float>{{"q8_0", 127},
                                                                 {"q4_0", 8},
                                                                 {"q5_0", 16},
                                                                 {"q4_k", 63 * 15},
                                                                 {"q5_k", 63 * 31},
                                                                 {"q6_k", 128 * 32},
                                                                 {"dynamic_q8", 127}}) {
    INFO(format);
    CHECK_NOTHROW(write(format, 0.9f * most * most_scale));
    for (const float value : {1.5f * most * most_scale, 1e20f, 3e38f, -1e30f})
      CHECK(fails(ErrorCode::input, {"blk.0.ffn_up.weight", "half precision", "--keep=blk.0.ffn_up.weight"},
                  [&, name = format] { write(name, value); }));
  }
  CHECK_NOTHROW(write("bf16", 1e30f));
  CHECK(fails(ErrorCode::input, {"blk.0.ffn_up.weight", "f16"}, [&] { write("f16", 1e30f); }));
}

TEST_CASE("quantise: a file is called by what most of its weights have", "[quantise]") {
  const auto number = [](std::vector<std::pair<int64_t, std::optional<BlockType>>> tensors) {
    std::vector<TensorEntry> entries;
    for (const auto& [rows, blocks] : tensors)
      entries.push_back({.name = "t", .shape = {rows, 256}, .blocks = blocks});
    return file_type_of(entries);
  };
  CHECK(number({{3, BlockType::q4_k}, {2, BlockType::q6_k}}) == 15);
  CHECK(number({{3, BlockType::q5_k}, {2, BlockType::q6_k}, {2, BlockType::q4_k}}) == 17);
  CHECK(number({{2, BlockType::q6_k}, {3, BlockType::q5_0}, {2, BlockType::q6_k}}) == 18);
  CHECK(number({{3, BlockType::q5_0}}) == 8);
  CHECK(number({{3, BlockType::q8_0}}) == 7);
  CHECK(number({{3, BlockType::q4_0}, {9, std::nullopt}}) == 0);
}

}  // namespace hewn::test

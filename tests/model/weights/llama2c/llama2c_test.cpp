// Models of llama2.c: files written byte by byte here, and stories260K.

#include "model/weights/llama2c/llama2c.h"

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "kernels/devices/devices.h"
#include "model/generation/generate.h"
#include "model/weights/weights.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"
#include "tests/support/stories.h"

namespace hewn {
namespace {

using nlohmann::json;

/// Sizes of a small model, as the header has them: width, hidden width, layers, heads, heads of keys,
/// vocabulary, context.
struct Sizes {
  int32_t dim = 8, hidden = 6, layers = 2, heads = 4, kv_heads = 2, vocab = 5, context = 7;
};

/// A file, and the first value of some of its tensors.
struct Written {
  std::string file;
  std::vector<float> values;
};

template <class T>
void append(std::string& file, const T& value) {
  file.append(reinterpret_cast<const char*>(&value), sizeof value);
}

Written written(const Sizes& s, int version, bool tied) {
  test::Random random("llama2c");
  Written out;
  Sizes header = s;
  if (version == 0 && !tied) header.vocab = -s.vocab;
  if (version == 1) append(out.file, uint32_t{0x616b3432}), append(out.file, int32_t{1});
  append(out.file, header);
  if (version == 1) append(out.file, static_cast<uint8_t>(tied)), out.file.resize(256);
  const int32_t kv = s.dim / s.heads * s.kv_heads;
  const int32_t layer = 2 * s.dim + 2 * s.dim * s.dim + 2 * kv * s.dim + 3 * s.hidden * s.dim;
  int32_t n = s.vocab * s.dim + s.layers * layer + s.dim + (tied ? 0 : s.vocab * s.dim);
  if (version == 0) n += s.context * s.dim / s.heads;
  out.values = random.normals<float>(n, 0.3);
  for (const float v : out.values) append(out.file, v);
  return out;
}

ForeignModel open_text(const test::TempDir& dir, const std::string& file) {
  test::write_file(dir / "model.bin", file);
  return open_foreign((dir / "model.bin").string());
}

std::vector<float> parameter(Model& model, const std::string& name) {
  return model.parameters().find(name)->value.values<float>();
}

}  // namespace

TEST_CASE("tensors of llama2.c are found in both versions of its format", "[llama2c]") {
  const test::TempDir dir;
  const Sizes s;
  for (const int version : {0, 1}) {
    for (const bool tied : {true, false}) {
      INFO("version " << version << ", tied " << tied);
      const Written w = written(s, version, tied);
      const ForeignModel foreign = open_text(dir, w.file);
      CHECK(foreign.config.tie == tied);
      CHECK(foreign.config.kv_heads() == 2);
      CHECK(foreign.config.rope_pairs == RotaryPairs::interleaved);
      CHECK(foreign.tokenizer == nullptr);
      CHECK(foreign.no_tokenizer.find("tok5.bin") != std::string::npos);
      const auto model = load_foreign(foreign, cpu());
      const auto at = [&](int64_t place) { return w.values[static_cast<size_t>(place)]; };
      const int64_t C = s.dim, V = s.vocab, L = s.layers, H = s.hidden, kv = 4;
      const int64_t embedding = version == 0 ? 0 : 2 * L * C + C;
      const int64_t wq = version == 0 ? V * C + L * C : embedding + V * C, wk = wq + L * C * C,
                    wv = wk + L * kv * C, wo = wv + L * kv * C,
                    w1 = wo + L * C * C + (version == 0 ? L * C : 0), w2 = w1 + L * H * C,
                    w3 = w2 + L * C * H;
      CHECK(parameter(*model, "transformer.wte.weight")[3] == at(embedding + 3));
      // Theirs are [out, in] and of one projection each, ours [in, out] side by side. Row 2 of layer 1:
      const std::vector<float> qkv = parameter(*model, "transformer.h.1.attn.c_attn.weight");
      const int64_t row = 2 * (C + 2 * kv);
      CHECK(qkv[static_cast<size_t>(row + 5)] == at(wq + C * C + 5 * C + 2));
      CHECK(qkv[static_cast<size_t>(row + C + 1)] == at(wk + kv * C + 1 * C + 2));
      CHECK(qkv[static_cast<size_t>(row + C + kv + 3)] == at(wv + kv * C + 3 * C + 2));
      CHECK(parameter(*model, "transformer.h.0.attn.c_proj.weight")[static_cast<size_t>(1 * C + 4)] ==
            at(wo + 4 * C + 1));
      const std::vector<float> fc = parameter(*model, "transformer.h.0.mlp.c_fc.weight");
      CHECK(fc[static_cast<size_t>(1 * 2 * H + 3)] == at(w1 + 3 * C + 1));
      CHECK(fc[static_cast<size_t>(1 * 2 * H + H + 3)] == at(w3 + 3 * C + 1));
      CHECK(parameter(*model, "transformer.h.1.mlp.c_proj.weight")[static_cast<size_t>(1 * C + 3)] ==
            at(w2 + C * H + 3 * H + 1));
      CHECK(parameter(*model, "transformer.h.1.ln_2.weight")[2] ==
            at(version == 0 ? wo + L * C * C + C + 2 : L * C + C + 2));
      CHECK(parameter(*model, "transformer.ln_f.weight")[1] ==
            at(version == 0 ? w3 + L * H * C + 1 : 2 * L * C + 1));
      if (!tied)
        CHECK(parameter(*model, "lm_head.weight")[7] ==
              at(static_cast<int64_t>(w.values.size()) - V * C + 7));
    }
  }
}

TEST_CASE("an imported model is saved and opens as the same model, mapped", "[llama2c]") {
  const test::TempDir dir;
  const ForeignModel foreign = open_text(dir, written({}, 0, false).file);
  const Tensor tokens = Tensor::from(cpu(), std::vector<int32_t>{1, 4, 2, 0, 3, 3}, {1, 6});
  const NoGrad none;
  for (const DType dtype : {DType::f32, DType::f64}) {
    const std::string file = (dir / "weights.safetensors").string();
    save_foreign(file, foreign, dtype);
    for (const DType opened : {DType::f32, DType::f64, DType::bf16}) {
      INFO(name_of(dtype) << " opened as " << name_of(opened));
      const auto loaded = load_foreign(foreign, cpu(), opened), mapped = open_weights(file, cpu(), opened);
      CHECK(mapped->logits(tokens).doubles() == loaded->logits(tokens).doubles());
    }
  }
}

TEST_CASE("damaged files of llama2.c are refused for any header", "[llama2c]") {
  const test::TempDir dir;
  for (const int version : {0, 1}) {
    const std::string good = written({}, version, true).file;
    for (const size_t size :
         {size_t{0}, size_t{3}, size_t{27}, size_t{100}, size_t{255}, good.size() - 4, good.size() - 1})
      CHECK(test::fails(ErrorCode::input, {"model.bin"}, [&] { open_text(dir, good.substr(0, size)); }));
    CHECK(test::fails(ErrorCode::input, {"its header describes"}, [&] { open_text(dir, good + "more"); }));
    const auto with = [&](size_t place, int32_t value) {
      std::string bad = good;
      std::memcpy(bad.data() + (version == 1 ? 8 : 0) + 4 * place, &value, 4);
      return test::fails(ErrorCode::input, {"model.bin"}, [&] { open_text(dir, bad); });
    };
    for (size_t place = 0; place < 7; ++place)
      for (const int32_t value : {0, -1, INT32_MIN, INT32_MAX, 1 << 20, 3})
        if (!(place == 5 && value == -1) && !(version == 1 && place == 6 && value > 0 && value < INT32_MAX))
          CHECK(with(place, value));
  }
  std::filesystem::create_directory(dir / "folder.bin");
  CHECK(test::fails(ErrorCode::input, {"is not a model in a known format"},
                    [&] { open_foreign((dir / "folder.bin").string()); }));
  std::string other = written({}, 1, true).file;
  other[4] = 2;
  CHECK(test::fails(ErrorCode::input, {"version 2", "quantised"}, [&] { open_text(dir, other); }));
}

TEST_CASE("stories: logits and greedy texts are those of other programs", "[llama2c]") {
  for (const test::Stories& stories : test::stories()) {
    INFO(stories.model.string());
    const ForeignModel foreign = open_foreign(stories.model.string());
    REQUIRE(foreign.tokenizer);
    const NoGrad none;
    const auto model = load_foreign(foreign, cpu()), exact = load_foreign(foreign, cpu(), DType::f64);
    for (const json& expected : stories.all()) {
      const auto name = expected.at("name").get<std::string>();
      INFO(name);
      const test::Fixture logits(stories.results / (name + ".logits.safetensors"));
      const auto prompt = expected.at("prompt_tokens").get<std::vector<int32_t>>(),
                 tokens = expected.at("tokens").get<std::vector<int32_t>>();
      const Tensor input = Tensor::from(cpu(), prompt, {1, static_cast<int64_t>(prompt.size())});
      CHECK(test::close_by_norm(exact->logits(input).doubles(), logits.values("logits"), 1e-6));
      CHECK(test::close_by_norm(model->logits(input).doubles(), logits.values("logits"), 1e-5));
      std::vector<int32_t> told = prompt;
      generate(*model, prompt,
               {.max_new_tokens = static_cast<int64_t>(tokens.size() - prompt.size()),
                .sampling = {.temperature = 0},
                .stop_tokens = foreign.texts().ends()},
               [&](int32_t id) { return told.push_back(id), true; });
      CHECK(told == tokens);
      CHECK(foreign.tokenizer->decode(std::span(told).subspan(1)) == expected.at("text").get<std::string>());
    }
  }
}

}  // namespace hewn

// Models in formats that products do not read as they are: their matrices are held in bf16.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "core/dtype.h"
#include "model/generation/text_ways.h"
#include "model/weights/gguf/gguf_model.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

using Formats = std::map<std::string, BlockType>;

/// Random blocks of weights of up to about 0.03.
std::vector<uint8_t> random_blocks(BlockType type, int64_t elements, Random& random) {
  const BlockFormat& format = format_of(type);
  std::vector<uint8_t> bytes(static_cast<size_t>(elements / format.elements * format.bytes));
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.integer(0, 255));
  const Float16 scale(type == BlockType::q3_k   ? 0.0002f
                      : type == BlockType::q2_k ? 0.0012f
                      : type == BlockType::q5_1 ? 0.002f
                      : type == BlockType::q8_0 ? 0.0003f
                                                : 0.004f);
  const Float16 offset(type == BlockType::q2_k ? 0.001f : -0.03f);
  for (size_t at = static_cast<size_t>(format.scale_at); at < bytes.size();
       at += static_cast<size_t>(format.bytes)) {
    std::memcpy(&bytes[at], &scale.bits, sizeof scale.bits);
    if (format.offsets) std::memcpy(&bytes[at + 2], &offset.bits, sizeof offset.bits);
  }
  return bytes;
}

/// A model in a GGUF file, with some tensors replaced by random blocks.
ForeignModel with_blocks(const ModelConfig& config, const Formats& formats) {
  const auto e = std::make_shared<Exportable>(config);
  export_model(e->own, "gguf", e->path("model.gguf"));
  ForeignModel model = open_foreign(e->path("model.gguf"));
  struct Held {
    std::shared_ptr<Exportable> files;
    std::shared_ptr<const NamedTensors> file;
    std::vector<std::vector<uint8_t>> blocks;
  };
  const auto held = std::make_shared<Held>(Held{e, model.tensors, {}});
  std::vector<TensorEntry> entries;
  Random random("blocks");
  model.tensors->each([&](const TensorEntry& entry) {
    entries.push_back(entry);
    const auto found = std::find_if(formats.begin(), formats.end(), [&](const auto& format) {
      return entry.name == format.first || entry.name.ends_with("." + format.first);
    });
    if (found == formats.end()) return;
    held->blocks.push_back(random_blocks(found->second, entry.elements(), random));
    entries.back().blocks = found->second;
    entries.back().dtype = DType::f32;
    entries.back().data = held->blocks.back().data();
    entries.back().bytes = held->blocks.back().size();
  });
  model.tensors = std::make_shared<TensorList>(std::move(entries), held);
  return model;
}

ModelConfig square(ModelConfig c) {
  c.n_embd = 256;
  c.mlp_width = 256;
  c.vocab_size = 40;
  c.block_size = 80;
  return c;
}

/// Queries, keys and values become one matrix of ours, here of three formats.
const Formats of_llama = {{"attn_q.weight", BlockType::q3_k},   {"attn_k.weight", BlockType::q8_0},
                          {"attn_v.weight", BlockType::q2_k},   {"attn_output.weight", BlockType::q4_1},
                          {"ffn_gate.weight", BlockType::q5_1}, {"ffn_up.weight", BlockType::q3_k},
                          {"ffn_down.weight", BlockType::q2_k}, {"token_embd.weight", BlockType::q3_k},
                          {"output.weight", BlockType::q5_1}};
const Formats of_gpt2 = {{"attn_qkv.weight", BlockType::q3_k},
                         {"ffn_up.weight", BlockType::q4_1},
                         {"token_embd.weight", BlockType::q2_k}};

Tensor tokens_for(Device& device, const ModelConfig& config) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 3 * 20; ++i) ids.push_back((7 * i + 3) % static_cast<int32_t>(config.vocab_size));
  return Tensor::from(device, ids, {3, 20});
}

/// The root mean square of a and of a - b.
struct Distance {
  double size = 0, error = 0;
};
Distance distance(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.doubles(), y = b.doubles();
  REQUIRE(x.size() == y.size());
  Distance d;
  for (size_t i = 0; i < x.size(); ++i) d.size += x[i] * x[i], d.error += (x[i] - y[i]) * (x[i] - y[i]);
  return {std::sqrt(d.size / static_cast<double>(x.size())),
          std::sqrt(d.error / static_cast<double>(x.size()))};
}

}  // namespace

TEST_CASE("widened: a matrix in a format without kernels is held in bf16, beside others in blocks",
          "[gguf]") {
  const ForeignModel foreign = with_blocks(square(llama_like()), of_llama);
  const auto model = open_foreign_weights(foreign, cpu()), widened = load_foreign(foreign, cpu());
  const auto matrix = [](Model& of, const char* name) -> Parameter& { return *of.parameters().find(name); };
  const BlockMatrix& qkv = *matrix(*model, "transformer.h.0.attn.c_attn.weight").blocks;
  REQUIRE(qkv.parts.size() == 3);
  CHECK(qkv.parts[0].bf16.defined());
  CHECK_FALSE(qkv.parts[1].bf16.defined());
  CHECK(qkv.parts[2].bf16.defined());
  CHECK(qkv.bytes() == 256 * 256 * 2 + 128 * 256 / 32 * 34 + 128 * 256 * 2);
  CHECK_FALSE(matrix(*model, "transformer.wte.weight").blocks->parts[0].bf16.defined());  // only looked up

  const char* const down = "transformer.h.1.mlp.c_proj.weight";
  const Tensor held = matrix(*model, down).blocks->parts[0].bf16;
  CHECK_FALSE(matrix(*model, down).value.defined());
  const std::vector<float> values = matrix(*widened, down).value.values<float>();  // [in, out]
  const std::vector<BFloat16> rounded = held.values<BFloat16>();                   // [out, in]
  for (size_t i = 0; i < 256; ++i)
    for (size_t j = 0; j < 256; ++j)
      if (rounded[i * 256 + j].bits != BFloat16(values[j * 256 + i]).bits) FAIL(i << ", " << j);
}

TEST_CASE("widened: products in bf16 are near those of float32", "[gguf]") {
  for (const auto& [config, formats] :
       {std::pair(square(llama_like()), of_llama), {square(gpt2_like()), of_gpt2}}) {
    const ForeignModel foreign = with_blocks(config, formats);
    const auto model = open_foreign_weights(foreign, cpu()), widened = load_foreign(foreign, cpu());
    const Tensor tokens = tokens_for(cpu(), config);
    const NoGrad none;
    const Distance d = distance(widened->logits(tokens), model->logits(tokens));
    CHECK(d.error < 0.02 * d.size);
    CHECK(d.error > 0);
    const double loss = model->loss(tokens, tokens).item();
    CHECK(loss == Approx(widened->loss(tokens, tokens).item()).epsilon(0.01));
  }
}

TEST_CASE("widened: a text has the same bits alone and in company", "[gguf]") {
  const auto model = open_foreign_weights(with_blocks(square(llama_like()), of_llama), cpu());
  const auto prompts = random_prompts(20, 60, model->config().vocab_size, run_seed());
  const auto bits = [&](const TextWay& way) {
    return checksums_of_logits(*model, prompts, 3, way, [] { return false; });
  };
  const auto alone = bits({"alone"});
  CHECK(bits({"pieces", 1, 7}) == alone);
  CHECK(bits({"16 at a time", 16}) == alone);
  CHECK(bits({"without a cache", 1, 0, {.cache = false}}) == alone);
}

TEST_CASE("widened: positions in blocks are read as float32", "[gguf]") {
  const ForeignModel foreign = with_blocks(square(gpt2_like()), {{"position_embd.weight", BlockType::q8_0}});
  const auto model = open_foreign_weights(foreign, cpu()), widened = load_foreign(foreign, cpu());
  const Tensor tokens = tokens_for(cpu(), model->config());
  const NoGrad none;
  CHECK(distance(widened->logits(tokens), model->logits(tokens)).error == 0);
}

TEST_CASE("widened: a GPU multiplies in bf16, and looks tokens up in float32", "[gguf]") {
  const auto gpu = make_test_gpu();
  if (!gpu) return;
  for (const auto& [config, formats] :
       {std::pair(square(llama_like()), of_llama), {square(gpt2_like()), of_gpt2}}) {
    const ForeignModel foreign = with_blocks(config, formats);
    const auto here = open_foreign_weights(foreign, cpu()), there = open_foreign_weights(foreign, *gpu);
    const BlockMatrix& qkv = *there->parameters().find("transformer.h.0.attn.c_attn.weight")->blocks;
    CHECK(qkv.parts[0].bf16.defined());
    CHECK(qkv.parts[0].blocks == nullptr);
    CHECK(there->parameters().find("transformer.wte.weight")->value.defined());
    const NoGrad none;
    const Distance d =
        distance(here->logits(tokens_for(cpu(), config)), there->logits(tokens_for(*gpu, config)));
    CHECK(d.error < 0.02 * d.size);
  }
}

}  // namespace hewn::test

// Models whose files hold matrices in bf16: opened for reading in bf16, they stay there.

#include <cmath>

#include "core/dtype.h"
#include "model/generation/text_ways.h"
#include "model/weights/foreign.h"
#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

ModelConfig wider(ModelConfig c) {
  c.n_embd = 64;
  c.mlp_width = 96;
  c.vocab_size = 40;
  c.block_size = 80;
  return c;
}

struct InBf16 {
  Exportable files;
  ForeignModel foreign;
  InBf16(const ModelConfig& config, const char* format) : files(wider(config)) {
    export_model(files.own, format, files.path(format), {.dtype = DType::bf16});
    foreign = open_foreign(files.path(format));
  }
};

std::vector<double> logits_of(Model& model) {
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 3 * 20; ++i) ids.push_back((7 * i + 3) % 40);
  const NoGrad none;
  return model.logits(Tensor::from(model.device(), ids, {3, 20}), {}).doubles();
}

/// The root mean square of the difference of logits, relative to that of the logits.
double distance(Model& a, Model& b) {
  const std::vector<double> x = logits_of(a), y = logits_of(b);
  REQUIRE(x.size() == y.size());
  double error = 0, size = 0;
  for (size_t i = 0; i < x.size(); ++i) error += (x[i] - y[i]) * (x[i] - y[i]), size += x[i] * x[i];
  return std::sqrt(error / size);
}

}  // namespace

TEST_CASE("bf16: matrices are multiplied where the file has them, and compute what copies do") {
  for (const auto& [config, format] :
       {std::pair(llama_like(), "gguf"), {llama_like(), "hf"}, {gpt2_like(), "gguf"}}) {
    const InBf16 file(config, format);
    INFO(format << ", " << config.n_kv_head);
    const auto opened = open_foreign_weights(file.foreign, cpu(), DType::bf16);
    const auto copied = load_foreign(file.foreign, cpu(), DType::bf16);
    int held = 0;
    for (const Parameter& p : opened->parameters().all()) {
      if (p.shape.rank() < 2 || p.name == "transformer.wpe.weight") continue;
      INFO(p.name);
      REQUIRE(p.blocks);
      CHECK_FALSE(p.value.defined());
      CHECK(p.blocks->bytes() == 2 * p.shape.numel());
      for (const BlockMatrix::Part& part : p.blocks->parts) CHECK(part.blocks == nullptr);
      ++held;
    }
    CHECK(held >= 9);
    CHECK(distance(*opened, *copied) < 1e-6);
    // In float32, and to go on with training, values are widened.
    const auto wide = open_foreign_weights(file.foreign, cpu());
    for (const Parameter& p : wide->parameters().all()) CHECK_FALSE(p.blocks);
    for (const Parameter& p : copied->parameters().all()) CHECK_FALSE(p.blocks);
    CHECK(distance(*wide, *opened) < 0.02);
  }
}

TEST_CASE("bf16: a text has the same bits alone and in company") {
  const InBf16 file(llama_like(), "gguf");
  const auto model = open_foreign_weights(file.foreign, cpu(), DType::bf16);
  const auto prompts = random_prompts(20, 60, model->config().vocab_size, run_seed());
  const auto bits = [&](const TextWay& way) {
    return checksums_of_logits(*model, prompts, 3, way, [] { return false; });
  };
  const auto alone = bits({"alone"});
  CHECK(bits({"pieces", 1, 7}) == alone);
  CHECK(bits({"16 at a time", 16}) == alone);
  CHECK(bits({"without a cache", 1, 0, {.cache = false}}) == alone);
}

TEST_CASE("bf16: the model's device computes, not another one") {
  const InBf16 file(gpt2_like(), "gguf");
  const auto device = make_cpu(1);
  const auto model = open_foreign_weights(file.foreign, *device, DType::bf16);
  const NoGrad none;
  const Tensor tokens = Tensor::from(*device, std::vector<int32_t>{1, 2, 3}, {1, 3});
  CHECK(&model->logits(tokens, {}).device() == device.get());
}

TEST_CASE("bf16: what is kept in bf16 beside blocks stays in bf16") {
  const Exportable files(wider(llama_like()));
  export_model(files.own, "gguf", files.path("f32.gguf"));
  const auto plan = [&](Device& device) {
    ForeignModel foreign = open_foreign(files.path("f32.gguf"));
    struct Held {
      std::shared_ptr<const NamedTensors> file;
      std::vector<std::vector<BFloat16>> rounded;
      std::vector<std::vector<uint8_t>> blocks;
    };
    const auto held = std::make_shared<Held>();
    held->file = foreign.tensors;
    std::vector<TensorEntry> entries;
    foreign.tensors->each([&](const TensorEntry& entry) {
      entries.push_back(entry);
      TensorEntry& changed = entries.back();
      if (entry.name.ends_with("attn_q.weight")) {
        held->blocks.emplace_back(static_cast<size_t>(entry.elements() / 32 * 34));
        changed.blocks = BlockType::q8_0;
        changed.data = held->blocks.back().data();
        changed.bytes = held->blocks.back().size();
      } else if (entry.name.ends_with("attn_k.weight") || entry.name.ends_with("attn_v.weight")) {
        const auto* values = static_cast<const float*>(entry.data);
        held->rounded.emplace_back(values, values + entry.elements());
        changed.dtype = DType::bf16;
        changed.data = held->rounded.back().data();
        changed.bytes = held->rounded.back().size() * sizeof(BFloat16);
      }
    });
    foreign.tensors = std::make_shared<TensorList>(std::move(entries), held);
    return open_foreign_weights(foreign, device);
  };
  const auto here = plan(cpu());
  const BlockMatrix& qkv = *here->parameters().find("transformer.h.0.attn.c_attn.weight")->blocks;
  REQUIRE(qkv.parts.size() == 3);
  CHECK((qkv.parts[0].blocks && !qkv.parts[0].bf16.defined()));
  CHECK((!qkv.parts[1].blocks && qkv.parts[1].bf16.defined()));
  CHECK_FALSE(here->parameters().find("transformer.h.0.mlp.c_proj.weight")->blocks);
  const auto gpu = make_test_gpu();
  if (!gpu) return;
  const auto there = plan(*gpu);
  CHECK(&there->parameters().find("transformer.h.0.attn.c_attn.weight")->blocks->parts[1].bf16.device() ==
        gpu.get());
  CHECK(distance(*here, *there) < 1e-3);
}

}  // namespace hewn::test

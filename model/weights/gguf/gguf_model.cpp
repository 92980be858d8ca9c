#include "model/weights/gguf/gguf_model.h"

#include <fstream>

#include "core/error.h"
#include "core/io/path.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/gguf/gguf_tokenizer.h"

namespace hewn {
namespace {

/// The tensors of part of a block, without "blk.0." and ".weight".
std::vector<Origin::Part> gguf_parts(const std::string& part, const ModelConfig& c) {
  const bool llama = c.pos == Positions::rotary;
  const int64_t q = c.n_head * c.head_size(), kv = c.kv_heads() * c.head_size();
  if (part == "ln_1") return {{"attn_norm", c.n_embd}};
  if (part == "attn.c_attn" && llama) return {{"attn_q", q}, {"attn_k", kv}, {"attn_v", kv}};
  if (part == "attn.c_attn") return {{"attn_qkv", c.qkv_size()}};
  if (part == "attn.c_proj") return {{"attn_output", c.n_embd}};
  if (part == "ln_2") return {{"ffn_norm", c.n_embd}};
  if (part == "mlp.c_fc" && llama) return {{"ffn_gate", c.mlp_size()}, {"ffn_up", c.mlp_size()}};
  if (part == "mlp.c_fc") return {{"ffn_up", c.mlp_size()}};
  return {{"ffn_down", c.n_embd}};
}

Origin gguf_origin(const Parameter& p, const ModelConfig& config) {
  const int64_t width = p.shape[p.shape.rank() - 1];
  const std::string kind = p.name.substr(p.name.rfind('.'));
  if (p.name == "transformer.wte.weight") return {{{"token_embd.weight", width}}};
  if (p.name == "transformer.wpe.weight") return {{{"position_embd.weight", width}}};
  if (p.name == "lm_head.weight") return {{{"output.weight", width}}};
  constexpr std::string_view block = "transformer.h.";
  if (!p.name.starts_with(block)) return {{{"output_norm" + kind, width}}};
  const size_t layer_end = p.name.find('.', block.size());
  const std::string layer = p.name.substr(block.size(), layer_end - block.size());
  Origin origin{gguf_parts(p.name.substr(layer_end + 1, p.name.rfind('.') - layer_end - 1), config),
                p.shape.rank() == 2};
  for (Origin::Part& part : origin.parts) {
    part.name.insert(0, "blk." + layer + ".");
    part.name += kind;
  }
  return origin;
}

/// Whether the model is of Llama's kind, not GPT-2's.
bool is_of_llama(const GgufHead& file) {
  const std::string arch = file.text("general.architecture");
  if (arch != "gpt2" && arch != "llama")
    fail(ErrorCode::input, "general.architecture is \"", arch, "\"; gpt2 and llama are supported");
  return arch == "llama";
}

}  // namespace

ModelConfig gguf_config(const GgufHead& file) {
  const bool llama = is_of_llama(file);
  const std::string arch = llama ? "llama." : "gpt2.";
  const auto optional = [&](const std::string& key, int64_t otherwise) {
    return file.find_key(arch + key) ? file.integer(arch + key) : otherwise;
  };
  const TensorEntry* embedding = file.tensor("token_embd.weight");
  if (embedding == nullptr || embedding->shape.size() != 2)
    fail(ErrorCode::input, "the tensor token_embd.weight is missing or not a matrix");
  ModelConfig c;
  c.vocab_size = embedding->shape[0];
  c.block_size = file.integer(arch + "context_length");
  c.n_layer = file.integer(arch + "block_count");
  c.n_head = file.integer(arch + "attention.head_count");
  c.n_embd = file.integer(arch + "embedding_length");
  c.mlp_width = optional("feed_forward_length", 0);
  c.tie = file.tensor("output.weight") == nullptr;
  if (!llama) {
    c.bias = true;
    c.norm_eps = file.real(arch + "attention.layer_norm_epsilon");
    return c;
  }
  c.n_kv_head = optional("attention.head_count_kv", c.n_head);
  c.norm = NormKind::rmsnorm;
  c.norm_eps = file.real(arch + "attention.layer_norm_rms_epsilon");
  c.pos = Positions::rotary;
  c.rope_pairs = RotaryPairs::interleaved;
  c.rope_theta = file.find_key("llama.rope.freq_base") ? file.real("llama.rope.freq_base") : 10000.0;
  c.act = MlpActivation::swiglu;
  c.bias = file.tensor("blk.0.attn_q.bias") != nullptr;
  for (const char* key : {"llama.rope.scaling.type", "llama.expert_count"})
    if (file.find_key(key)) fail(ErrorCode::input, "the file has the key ", key, ", which is not supported");
  if (c.n_head > 0 && optional("rope.dimension_count", c.n_embd / c.n_head) != c.n_embd / c.n_head)
    fail(ErrorCode::input, "only a part of each head is rotated, which is not supported");
  return c;
}

bool looks_like_gguf(const std::filesystem::path& path) {
  if (!path_is_file(path)) return false;
  char magic[4] = {};
  std::ifstream file(path, std::ios::binary);
  return file.read(magic, 4) && std::string_view(magic, 4) == "GGUF";
}

ForeignModel open_gguf(const std::string& path) {
  auto file = std::make_unique<GgufFile>(path);
  const Doing context("reading ", path);
  const ModelConfig config = gguf_config(*file);
  const std::string arch = file->text("general.architecture");
  ForeignModel model{.format = "GGUF, " + arch,
                     .config = config,
                     .tensors = nullptr,
                     .naming = gguf_naming(),
                     .tokenizer = nullptr,
                     .no_tokenizer = ""};
  try {
    model.config.check();
  } catch (const Error& error) {
    throw Error(ErrorCode::input, error.what());
  }
  if (model.config.n_layer > std::ssize(file->entries()))  // before parameters are declared for them
    fail(ErrorCode::input, arch, ".block_count is ", model.config.n_layer, ", but the file has only ",
         file->entries().size(), " tensors");
  model.tokenizer = tokenizer_in(*file, model.no_tokenizer);
  if (model.tokenizer) model.text_form = texts_in(*file, *model.tokenizer);
  model.tensors = std::move(file);
  return model;
}

Naming gguf_naming() {
  return {gguf_origin, [](std::string_view name, const ModelConfig& config) {
            return name == "rope_freqs.weight" || (config.tie && name == "output.weight");
          }};
}

}  // namespace hewn

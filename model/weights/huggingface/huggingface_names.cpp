#include "model/weights/huggingface/huggingface_names.h"

namespace hewn {
namespace {

/// The pieces of a block parameter's name: "transformer.h.3.attn.c_attn.weight" is {"3", "attn.c_attn", ".weight"}.
struct BlockName {
  std::string layer, part, kind;
};

BlockName block_name(const std::string& ours) {
  constexpr std::string_view block = "transformer.h.";
  const size_t layer_end = ours.find('.', block.size()), part_end = ours.rfind('.');
  return {ours.substr(block.size(), layer_end - block.size()),
          ours.substr(layer_end + 1, part_end - layer_end - 1), ours.substr(part_end)};
}

/// The tensors of a Llama layer that make up one part of our block, with their widths.
std::vector<Origin::Part> llama_parts(const std::string& part, const ModelConfig& c) {
  const int64_t q = c.n_head * c.head_size(), kv = c.kv_heads() * c.head_size();
  if (part == "ln_1") return {{"input_layernorm", c.n_embd}};
  if (part == "attn.c_attn")
    return {{"self_attn.q_proj", q}, {"self_attn.k_proj", kv}, {"self_attn.v_proj", kv}};
  if (part == "attn.c_proj") return {{"self_attn.o_proj", c.n_embd}};
  if (part == "ln_2") return {{"post_attention_layernorm", c.n_embd}};
  if (part == "mlp.c_fc") return {{"mlp.gate_proj", c.mlp_size()}, {"mlp.up_proj", c.mlp_size()}};
  return {{"mlp.down_proj", c.n_embd}};
}

Origin llama_origin(const Parameter& p, const ModelConfig& config) {
  const int64_t width = p.shape[p.shape.rank() - 1];
  if (p.name == "transformer.wte.weight") return {{{"model.embed_tokens.weight", width}}};
  if (p.name == "transformer.ln_f.weight") return {{{"model.norm.weight", width}}};
  if (!p.name.starts_with("transformer.h.")) return {{{p.name, width}}};
  const BlockName name = block_name(p.name);
  Origin origin{llama_parts(name.part, config), p.shape.rank() == 2};
  for (Origin::Part& part : origin.parts)
    part.name = "model.layers." + name.layer + "." + part.name + name.kind;
  return origin;
}

/// Whether a tensor is a second copy of a tied head.
bool is_tied_head(std::string_view name, const ModelConfig& config) {
  return config.tie && name == "lm_head.weight";
}

}  // namespace

Naming gpt2_naming(bool prefix) {
  return {[prefix](const Parameter& p, const ModelConfig&) {
            constexpr std::string_view first = "transformer.";
            const bool leave_out = !prefix && p.name.starts_with(first);
            return Origin{{{leave_out ? p.name.substr(first.size()) : p.name, p.shape[p.shape.rank() - 1]}}};
          },
          [](std::string_view name, const ModelConfig& config) {
            return name.ends_with(".attn.bias") || name.ends_with(".attn.masked_bias") ||
                   is_tied_head(name, config);
          }};
}

Naming llama_naming() {
  return {llama_origin, [](std::string_view name, const ModelConfig& config) {
            return name.ends_with(".rotary_emb.inv_freq") || is_tied_head(name, config);
          }};
}

}  // namespace hewn

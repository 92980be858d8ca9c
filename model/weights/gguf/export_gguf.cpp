// Writes GGUF files for llama.cpp and other programs built on ggml.

#include <algorithm>

#include "core/error.h"
#include "model/json.h"
#include "model/weights/export_formats.h"
#include "model/weights/export_tokenizer.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/gguf/gguf_model.h"
#include "model/weights/gguf/quantise.h"

namespace hewn::exporting {
namespace {

uint32_t gguf_count(int64_t n) { return static_cast<uint32_t>(n); }

GgufKeys gguf_keys(const ModelConfig& c, Family family, uint32_t file_type) {
  const std::string arch = family == Family::gpt2 ? "gpt2" : "llama";
  GgufKeys keys{{"general.architecture", arch},
                {"general.file_type", file_type},
                {"general.quantization_version", uint32_t{2}},
                {"general.alignment", uint32_t{32}},
                {arch + ".vocab_size", gguf_count(c.vocab_size)},
                {arch + ".context_length", gguf_count(c.block_size)},
                {arch + ".embedding_length", gguf_count(c.n_embd)},
                {arch + ".feed_forward_length", gguf_count(c.mlp_size())},
                {arch + ".block_count", gguf_count(c.n_layer)},
                {arch + ".attention.head_count", gguf_count(c.n_head)}};
  const auto epsilon = static_cast<float>(c.norm_eps);
  if (family == Family::gpt2) {
    keys.emplace_back("gpt2.attention.layer_norm_epsilon", epsilon);
  } else {
    keys.emplace_back("llama.attention.head_count_kv", gguf_count(c.kv_heads()));
    keys.emplace_back("llama.attention.layer_norm_rms_epsilon", epsilon);
    keys.emplace_back("llama.rope.dimension_count", gguf_count(c.head_size()));
    keys.emplace_back("llama.rope.freq_base", static_cast<float>(c.rope_theta));
  }
  return keys;
}

/// Adds the tokenizer as llama.cpp reads it, and as JSON where that form is missing or is another kind's.
void add_tokenizer(const ForeignModel& model, int64_t vocab_size, const std::string& chat_template,
                   GgufKeys& keys, std::vector<std::string>& notes) {
  std::optional<GgufKeys> theirs;
  if (model.tokenizer) theirs = gguf_tokenizer(*model.tokenizer, vocab_size);
  const GgufKeys none{{"tokenizer.ggml.model", std::string("none")}};
  for (const auto& key : theirs ? *theirs : none) keys.push_back(key);
  if (!model.tokenizer) {
    notes.push_back("no tokenizer is written: " + model.no_tokenizer);
    return;
  }
  for (const auto& key : gguf_texts(model.texts().form())) keys.push_back(key);
  const std::string kind(model.tokenizer->kind());
  if (!theirs || (kind != "bpe" && kind != "sentencepiece"))
    keys.emplace_back(own_tokenizer_key, model.tokenizer->to_json());
  if (!theirs) notes.push_back("only Hewn can read the tokenizer: llama.cpp has none of kind " + kind);
  constexpr int32_t assumed_end = 11;  // where GPT-2's kind names none
  if (theirs && kind != "sentencepiece" && assumed_end < model.tokenizer->vocab_size() &&
      std::none_of(keys.begin(), keys.end(),
                   [](auto& key) { return key.first == "tokenizer.ggml.eos_token_id"; }))
    notes.push_back(join("llama.cpp will end texts at token ", assumed_end, ", ",
                         ascii_json_text(model.tokenizer->piece(assumed_end)),
                         ": the vocabulary has no token that ends them"));
  if (!chat_template.empty()) keys.emplace_back("tokenizer.chat_template", chat_template);
}

}  // namespace

Exported write_gguf(const ForeignModel& model, const std::string& path, const ExportOptions& options) {
  const Family family = family_of(model.config, "llama.cpp");
  const ModelConfig as = recast_config(model.config, options, family, RotaryPairs::interleaved);
  const Mixture& mixture =
      find_mixture(options.quantise ? options.quantise->mixture : name_of(options.dtype));
  Exported done{.files = {path}, .notes = {}};
  const int threads = options.quantise ? options.quantise->threads : 0;
  const auto device = make_cpu(threads > 0 ? threads : default_threads());
  Outgoing outgoing(model, as, gguf_naming(), *device);
  std::vector<TensorEntry> entries = outgoing.entries();
  require_same_model("llama.cpp", as, [&] { return gguf_config({gguf_keys(as, family, 0), entries}); });
  const std::vector<ChosenFormat> none;
  std::vector<std::string> fallbacks =
      choose_formats(mixture, options.quantise ? options.quantise->choices : none, as, entries);
  const bool for_bits = options.quantise && options.quantise->target_bits > 0;
  if (for_bits) fallbacks = {choose_for_bits(*device, outgoing, *options.quantise, as, entries)};
  GgufKeys keys = gguf_keys(as, family, for_bits ? file_type_of(entries) : mixture.file_type);
  if (mixture.one_scale) keys.emplace_back(one_scale_key, true);
  add_tokenizer(model, as.vocab_size, options.chat_template, keys, done.notes);
  done.notes.insert(done.notes.end(), fallbacks.begin(), fallbacks.end());
  GgufWriter writer(path, keys, entries);
  if (options.quantise)
    write_quantised(*device, outgoing, *options.quantise, entries, writer, done);
  else
    outgoing.write(entries, [&](const std::string& name, const void* data, size_t bytes) {
      writer.append(name, data, bytes);
    });
  done.bytes = writer.finish().size;
  return done;
}

}  // namespace hewn::exporting

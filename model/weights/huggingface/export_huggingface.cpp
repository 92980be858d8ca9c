// Writes config.json, model.safetensors and tokenizer.json for transformers.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/path.h"
#include "model/json.h"
#include "model/weights/export_formats.h"
#include "model/weights/export_tokenizer.h"
#include "model/weights/huggingface/huggingface.h"
#include "model/weights/huggingface/huggingface_names.h"
#include "model/weights/safetensors/safetensors.h"

namespace hewn::exporting {
namespace {

using Ordered = nlohmann::ordered_json;

/// A directory under a temporary name next to `path`, renamed to it by `finish`.
class NewDirectory {
 public:
  explicit NewDirectory(const fs::path& path)
      : path_(path.has_filename() ? path : path.parent_path()),
        fresh_((path_.parent_path() / (".hewn-tmp-" + path_.filename().string())).string(),
               join("another process is exporting to ", path_.string(),
                    "; wait for it to end, or choose another name")) {}

  std::string file(const char* name) const { return fresh_.file(name); }

  /// Gives the directory its name. Returns the name that one in its place has got (`move_aside`), or "".
  std::string finish() {
    sync_directory(fresh_.path());
    std::string aside = move_aside(path_.string());
    std::error_code error;
    rename_path(fresh_.path(), path_, error);
    if (error) fail_at(ErrorCode::failed, path_, "cannot be created", error.value());
    fresh_.finish();
    sync_directory(directory_of(path_.string()));
    return aside;
  }

 private:
  fs::path path_;
  UnfinishedDirectory fresh_;
};

/// The name of the class in transformers: "GPT2LMHeadModel", "LlamaForSequenceClassification".
std::string architecture(const ModelConfig& c, const std::string& family, const std::string& language_model) {
  return family + (c.classifies() ? "ForSequenceClassification" : language_model);
}

Ordered transformers_gpt2(const ModelConfig& c) {
  return {
      {"architectures", {architecture(c, "GPT2", "LMHeadModel")}},
      {"model_type", "gpt2"},
      {"vocab_size", c.vocab_size},
      {"n_positions", c.block_size},
      {"n_ctx", c.block_size},
      {"n_embd", c.n_embd},
      {"n_layer", c.n_layer},
      {"n_head", c.n_head},
      {"n_inner", c.mlp_size()},
      {"activation_function", row_of(c.act.curve).huggingface ? row_of(c.act.curve).huggingface : "gelu_new"},
      {"layer_norm_epsilon", c.norm_eps},
      {"embd_pdrop", c.dropout},
      {"resid_pdrop", c.dropout},
      {"attn_pdrop", c.attention_dropout()}};
}

Ordered transformers_llama(const ModelConfig& c) {
  const bool mistral = c.window > 0;
  Ordered config{{"architectures", {architecture(c, mistral ? "Mistral" : "Llama", "ForCausalLM")}},
                 {"model_type", mistral ? "mistral" : "llama"},
                 {"vocab_size", c.vocab_size},
                 {"max_position_embeddings", c.block_size},
                 {"hidden_size", c.n_embd},
                 {"intermediate_size", c.mlp_size()},
                 {"num_hidden_layers", c.n_layer},
                 {"num_attention_heads", c.n_head},
                 {"num_key_value_heads", c.kv_heads()},
                 {"head_dim", c.head_size()},
                 {"hidden_act", row_of(MlpActivation::swiglu.curve).huggingface},
                 {"rms_norm_eps", c.norm_eps},
                 {"attention_dropout", c.attention_dropout()},
                 // transformers 5 reads rope_parameters, earlier versions rope_theta
                 {"rope_theta", c.rope_theta},
                 {"rope_parameters", {{"rope_type", "default"}, {"rope_theta", c.rope_theta}}}};
  if (mistral) {
    config["sliding_window"] = c.window;
  } else {
    config["attention_bias"] = c.bias;
    config["mlp_bias"] = c.bias;
  }
  return config;
}

/// Adds the labels of a classifier, and the token with which transformers pads texts: it finds the last real
/// token as the last one that is not this.
void add_labels(const ForeignModel& model, Ordered& config) {
  Ordered names = Ordered::object(), numbers = Ordered::object();
  for (int64_t i = 0; i < model.config.n_labels; ++i) {
    const auto at = static_cast<size_t>(i);
    const std::string name = at < model.labels.size() ? model.labels[at] : "LABEL_" + std::to_string(i);
    names[std::to_string(i)] = name;
    numbers[name] = i;
  }
  config["id2label"] = names;
  config["label2id"] = numbers;
  config["pad_token_id"] = config["eos_token_id"];
}

Ordered transformers_config(const ModelConfig& c, Family family, DType dtype, const TextForm& form) {
  Ordered config = family == Family::gpt2 ? transformers_gpt2(c) : transformers_llama(c);
  config["tie_word_embeddings"] = c.tie;
  const Ordered end = form.ends.empty() ? Ordered(nullptr) : Ordered(form.ends.front());
  config["bos_token_id"] = form.begin ? Ordered(*form.begin) : end;
  config["eos_token_id"] = end;
  config["dtype"] = dtype == DType::f16 ? "float16" : dtype == DType::bf16 ? "bfloat16" : "float32";
  return config;
}

/// Writes tokenizer.json and tokenizer_config.json for a model with this configuration. Returns a note with the reason if there are none, else "".
std::string write_tokenizer(const NewDirectory& directory, const ForeignModel& model, const Ordered& of_model,
                            int64_t block_size, const std::string& chat_template) {
  if (!model.tokenizer) return "no tokenizer is written: " + model.no_tokenizer;
  const TextForm form = model.texts().form();
  const auto file = huggingface_tokenizer(model.texts());
  if (!file)
    return "no tokenizer is written: Hugging Face's tokenizers cannot express one of kind " +
           std::string(model.tokenizer->kind());
  write_file_atomically(directory.file("tokenizer.json"), *file + "\n");
  Ordered config{{"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"model_max_length", block_size},
                 {"clean_up_tokenization_spaces", false}};
  for (const auto& [name, id] : {std::pair("bos_token", "bos_token_id"), {"eos_token", "eos_token_id"}})
    for (const Special& special : model.tokenizer->specials())
      if (of_model[id] == special.id) config[name] = special.text;
  if (const auto kind = model.tokenizer->kind(); kind == "word" || kind == "regex")
    config["unk_token"] = "<|unk|>";
  if (!chat_template.empty()) config["chat_template"] = chat_template;
  Ordered generation{{"bos_token_id", of_model["bos_token_id"]}, {"eos_token_id", of_model["eos_token_id"]}};
  if (const auto ends = ends_to_write(form); ends.size() > 1) generation["eos_token_id"] = ends;
  if (!form.ends.empty() && !model.config.classifies())
    write_file_atomically(directory.file("generation_config.json"), exact_json_text(generation, 2) + "\n");
  if (says_more(form)) write_file_atomically(directory.file(text_form_file), to_json(form) + "\n");
  write_file_atomically(directory.file("tokenizer_config.json"), exact_json_text(config, 2) + "\n");
  return "";
}

}  // namespace

Exported write_huggingface(const ForeignModel& model, const std::string& path, const ExportOptions& options) {
  const Family family = family_of(model.config, "transformers");
  const ModelConfig as = recast_config(model.config, options, family, RotaryPairs::half);
  Ordered config =
      transformers_config(as, family, options.dtype, model.tokenizer ? model.texts().form() : TextForm());
  if (as.classifies()) add_labels(model, config);
  const std::string text = exact_json_text(config, 2) + "\n";
  require_same_model("transformers", as, [&] { return huggingface_config(text); });
  Exported done;
  NewDirectory directory(path);
  write_file_atomically(directory.file("config.json"), text);
  Outgoing outgoing(model, as, family == Family::gpt2 ? gpt2_naming() : llama_naming());
  std::vector<TensorEntry> entries = outgoing.entries();
  for (TensorEntry& entry : entries) entry.dtype = options.dtype;
  SafetensorsWriter writer(directory.file("model.safetensors"), entries, {{"format", "pt"}});
  outgoing.write(entries, [&](const std::string& name, const void* data, size_t bytes) {
    writer.append(name, data, bytes);
  });
  writer.finish();
  if (family == Family::gpt2 && (!model.config.bias || !model.config.qkv_bias))
    done.notes.push_back("the format requires biases, which the model lacks; zeros are written");
  if (as.classifies() && config["pad_token_id"].is_null())
    done.notes.push_back(
        "the tokenizer has no <|endoftext|> for padding, so give transformers one text at a time");
  if (std::string note = write_tokenizer(directory, model, config, as.block_size, options.chat_template);
      !note.empty())
    done.notes.push_back(std::move(note));
  if (const std::string aside = directory.finish(); !aside.empty())
    done.notes.push_back("the existing directory was moved to " + aside);
  done.files = {path};
  return done;
}

}  // namespace hewn::exporting

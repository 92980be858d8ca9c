#include "model/weights/torch/nanogpt.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"
#include "model/weights/safetensors/safetensors_header.h"
#include "model/weights/torch/torch_file.h"

namespace hewn {
namespace {

constexpr size_t most_meta_bytes = size_t{16} << 20;
constexpr std::string_view compiled_prefix = "_orig_mod.";  // torch.compile adds it to every name

ModelConfig nanogpt_config(PickleValue saved) {
  const Doing context("reading its model_args");
  if (saved.kind() != PickleKind::dict || !saved.find("model_args"))
    fail(ErrorCode::input, "there are no model_args; is this a checkpoint of nanoGPT's train.py?");
  const PickleValue args = saved.at("model_args");
  ModelConfig c;
  c.act = Activation::gelu_erf;
  c.bias = true;  // the default if it is not stated
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string_view key = args.key(i).text();
    const PickleValue value = args.value(i);
    const Doing reading("reading ", safetensors::in_quotes(key));
    if (key == "n_layer")
      c.n_layer = value.integer();
    else if (key == "n_head")
      c.n_head = value.integer();
    else if (key == "n_embd")
      c.n_embd = value.integer();
    else if (key == "block_size")
      c.block_size = value.integer();
    else if (key == "vocab_size")
      c.vocab_size = value.integer();
    else if (key == "bias")
      c.bias = value.boolean();
    else if (key == "dropout")
      c.dropout = value.real();
    else
      fail(ErrorCode::input,
           "nanoGPT has no such argument; this is a variant of nanoGPT that may compute something else");
  }
  try {
    c.check();
  } catch (const Error& error) {
    throw Error(ErrorCode::input, error.what());
  }
  return c;
}

/// Hewn's names, with [out, in] matrices in linear layers; the head is a second name of wte.
Naming nanogpt_naming(bool compiled) {
  const std::string prefix(compiled ? compiled_prefix : "");
  return {
      [prefix](const Parameter& p, const ModelConfig&) {
        const bool embedding = p.name.ends_with(".wte.weight") || p.name.ends_with(".wpe.weight");
        return Origin{{{prefix + p.name, p.shape[p.shape.rank() - 1]}}, p.shape.rank() == 2 && !embedding};
      },
      [prefix](std::string_view name, const ModelConfig&) {
        return name == prefix + "lm_head.weight" || name.ends_with(".attn.bias");
      }};
}

}  // namespace

bool looks_like_nanogpt(const fs::path& path) {
  return path_is_file(path) && (path.extension() == ".pt" || path.extension() == ".pth");
}

ForeignModel open_nanogpt(const std::string& path) {
  const Doing context("opening ", path);
  auto file = std::make_unique<TorchFile>(path);
  ForeignModel opened;
  opened.format = "nanoGPT, checkpoint";
  opened.config = nanogpt_config(file->root());
  opened.naming =
      nanogpt_naming(file->find(std::string(compiled_prefix) + "transformer.wte.weight") != nullptr);
  opened.tensors = std::move(file);
  const fs::path meta = fs::path(path).parent_path() / "meta.pkl";
  if (path_exists(meta))
    opened.tokenizer = nanogpt_tokenizer(meta.string());
  else
    opened.no_tokenizer =
        "there is no meta.pkl beside it; for a model trained on characters, copy it from nanoGPT's data "
        "directory (data/NAME/meta.pkl); a model trained on GPT-2's tokens has none";
  return opened;
}

std::unique_ptr<Tokenizer> nanogpt_tokenizer(const std::string& path) {
  const Doing context("reading ", path);
  const std::string bytes = read_small_file(path, most_meta_bytes);
  const Pickle pickle(bytes);
  const PickleValue itos = pickle.root().at("itos");
  std::vector<std::string> vocab(itos.size());
  for (size_t i = 0; i < itos.size(); ++i) {
    const int64_t id = itos.key(i).integer();
    if (id < 0 || static_cast<size_t>(id) >= vocab.size() || !vocab[static_cast<size_t>(id)].empty())
      fail(ErrorCode::input, "found id ", id, "; expected the ids 0 to ", vocab.size() - 1, ", each once");
    vocab[static_cast<size_t>(id)] = itos.value(i).text();
  }
  nlohmann::json json{{"format", "hewn-tokenizer"}, {"version", 1}, {"kind", "char"}, {"vocab", vocab}};
  return tokenizer_from_json(exact_json_text(json));
}

}  // namespace hewn

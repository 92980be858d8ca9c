#include "model/weights/foreign.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "model/gpt.h"
#include "model/weights/gguf/gguf_model.h"
#include "model/weights/huggingface/huggingface.h"
#include "model/weights/large_pages.h"
#include "model/weights/llama2c/llama2c.h"
#include "model/weights/outgoing.h"
#include "model/weights/tensorflow/tensorflow.h"
#include "model/weights/torch/nanogpt.h"
#include "model/weights/weights.h"

namespace hewn {
namespace {

/// A format: a description of its files, a cheap test that recognises them (the path exists), and its reader.
struct ForeignFormat {
  const char* files;
  bool (*matches)(const std::filesystem::path& path);
  ForeignModel (*open)(const std::string& path);
};

bool looks_like_own_weights(const std::filesystem::path& path) { return path.extension() == ".safetensors"; }

/// Opens parameters written by `hewn export --format=safetensors` or a checkpoint, with the tokenizer.json
/// next to them, if any.
ForeignModel open_own_weights(const std::string& path) {
  const Doing context("opening ", path);
  const std::filesystem::path tokenizer = std::filesystem::path(path).parent_path() / "tokenizer.json";
  ForeignModel own = own_model(path, config_in(SafetensorsFile(path)), nullptr);
  own.no_tokenizer = "there is no tokenizer.json beside it";
  if (path_exists(tokenizer)) own.tokenizer = load_tokenizer(tokenizer.string());
  return own;
}

constexpr ForeignFormat foreign_formats[] = {
    {"a directory with config.json (Hugging Face)", looks_like_huggingface, open_huggingface},
    {"a .gguf file (llama.cpp)", looks_like_gguf, open_gguf},
    {"a checkpoint, ckpt.pt (nanoGPT)", looks_like_nanogpt, open_nanogpt},
    {"a .bin file (llama2.c)", looks_like_llama2c, open_llama2c},
    {"a directory with hparams.json (OpenAI's GPT-2)", looks_like_tensorflow, open_tensorflow},
    {"a .safetensors file that Hewn wrote", looks_like_own_weights, open_own_weights},
};

/// Whether a path has the form of a model's name on huggingface.co: OWNER/NAME, or a GPT-2 without owner.
bool looks_like_hub_name(const std::string& path) {
  const auto is_part = [](const std::string& part) {
    return !part.empty() && part[0] != '.' && std::all_of(part.begin(), part.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
    });
  };
  const size_t slash = path.find('/');
  if (slash == path.npos) return path == "gpt2" || path.starts_with("gpt2-");
  const std::string owner = path.substr(0, slash);
  return is_part(owner) && is_part(path.substr(slash + 1)) && !path_exists(owner);
}

/// Drops a tokenizer that has more tokens than the model, since it must belong to another one.
ForeignModel with_fitting_tokenizer(ForeignModel foreign) {
  if (foreign.tokenizer && foreign.tokenizer->vocab_size() > foreign.config.vocab_size) {
    foreign.no_tokenizer = "the tokenizer found has " + std::to_string(foreign.tokenizer->vocab_size()) +
                           " tokens, but the model only " + std::to_string(foreign.config.vocab_size);
    foreign.tokenizer = nullptr;
    foreign.text_form.reset();
  }
  return foreign;
}

}  // namespace

std::string fetch_hint(const std::string& path) {
  if (path_exists(path) || !looks_like_hub_name(path)) return "";
  return join(
      "; Hewn downloads nothing: if this is a model on huggingface.co, fetch its config.json, ",
      "model.safetensors and tokenizer.json (or vocab.json and merges.txt) into a directory, and give ",
      "that directory; docs/import.md lists the files");
}

void refuse_pickled_weights(const std::string& directory) {
  const auto has = [&](const char* name) { return path_exists(std::filesystem::path(directory) / name); };
  const bool pickle = has("pytorch_model.bin") || has("pytorch_model.bin.index.json");
  if (!pickle || has("model.safetensors") || has("model.safetensors.index.json")) return;
  fail(ErrorCode::input, directory,
       ": stores its weights in pytorch_model.bin, a pickle, which can run code; ",
       has("config.json") ? "" : "fetch its config.json and ",
       "convert it to model.safetensors: ", "python3 -c 'import sys, transformers; d = sys.argv[1]; ",
       "transformers.AutoModelForCausalLM.from_pretrained(d).save_pretrained(d)' ", shell_word(directory));
}

ForeignModel open_foreign(const std::string& path) {
  if (!path_exists(path)) fail(ErrorCode::input, path, ": no such file or directory", fetch_hint(path));
  if (path_is_directory(path)) refuse_pickled_weights(path);
  std::string known;
  for (const ForeignFormat& format : foreign_formats) {
    if (format.matches(path)) return with_fitting_tokenizer(format.open(path));
    known += std::string("\n  ") + format.files;
  }
  refuse_foreign_file(path);
  fail(ErrorCode::input, path, " is not a model in a known format; expected one of", known);
}

void crop_context(ForeignModel& foreign, int64_t block_size) {
  if (block_size == 0) return;
  require(block_size <= foreign.config.block_size, "block_size = ", block_size,
          " is longer than the model's ", foreign.config.block_size);
  foreign.config.block_size = block_size;
}

FileSum save_foreign(const std::string& path, const ForeignModel& foreign, DType dtype) {
  require(dtype == DType::f32 || dtype == DType::f64, "weights can be stored as f32 or f64, not as ",
          name_of(dtype));
  const auto model = declare_model(foreign.config);
  check_fit(*foreign.tensors, foreign.naming, *model);
  foreign.verify();
  std::vector<TensorEntry> entries;
  for (const Parameter& p : model->parameters().all())
    entries.push_back(
        {.name = p.name, .dtype = dtype, .shape = {p.shape.sizes().begin(), p.shape.sizes().end()}});
  SafetensorsWriter writer(path, entries, weights_metadata(foreign.config));
  const auto append = [&](const Parameter& p, const auto& values) {
    writer.append(p.name, values.data(), values.size() * sizeof values[0]);
  };
  for (const Parameter& p : model->parameters().all()) {
    if (dtype == DType::f64)
      append(p, placed_values<double>(*foreign.tensors, foreign.naming, p, foreign.config));
    else
      append(p, placed_values<float>(*foreign.tensors, foreign.naming, p, foreign.config));
  }
  return writer.finish();
}

namespace {

/// Declares the model. Checks without memory first: nothing may be allocated by an untrusted configuration before its
/// tensors are known to exist.
std::unique_ptr<Model> declare_fitting(const ForeignModel& foreign) {
  auto model = declare_model(foreign.config);
  check_fit(*foreign.tensors, foreign.naming, *model);
  return model;
}

}  // namespace

std::unique_ptr<Model> load_foreign(const ForeignModel& foreign, Device& device, DType dtype, bool grads) {
  auto model = declare_fitting(foreign);
  model->parameters().reserve(device, dtype, grads);
  if (executor(device).runs()) load_foreign(foreign, *model);
  return model;
}

std::unique_ptr<Model> open_foreign_weights(const ForeignModel& foreign, Device& device, DType dtype) {
  auto model = declare_fitting(foreign);
  const MemUseScope use(MemUse::parameter);
  const bool on_cpu = device.kind() == Device::Kind::cpu, bf16 = on_cpu && dtype == DType::bf16;
  if (dtype != DType::f64) {
    bool has_blocks = false;
    foreign.tensors->each([&](const TensorEntry& entry) { has_blocks |= entry.blocks.has_value(); });
    const auto tensors = in_large_pages(foreign.tensors, device, [&](const TensorEntry& entry) {
      return entry.blocks || (entry.dtype == DType::bf16 && (bf16 || has_blocks));
    });
    for (Parameter& p : model->parameters().all()) {
      const auto w = placed_blocks(tensors, foreign.naming, p, foreign.config, on_cpu ? device : cpu(), bf16);
      const bool looked_up = p.name == "transformer.wte.weight";
      if (w && (!looked_up || looks_up_rows(device, *w)))
        p.blocks = on_device(device, *w, !looked_up || foreign.config.tie);
    }
  }
  model->parameters().reserve(device, dtype, false);
  load_foreign(foreign, *model);
  return model;
}

void load_foreign(const ForeignModel& foreign, Model& model) {
  check_fit(*foreign.tensors, foreign.naming, model);
  foreign.verify();
  place(*foreign.tensors, foreign.naming, model);
}

void load_trunk(const ForeignModel& base, Model& model) {
  const auto declared = declare_model(base.config);
  check_fit(*base.tensors, base.naming, *declared);
  base.verify();
  for (const Parameter& theirs : declared->parameters().all()) {
    if (theirs.name == score_name) continue;
    Parameter* ours = model.parameters().find(theirs.name);
    if (!ours && theirs.name == "lm_head.weight") continue;  // a classifier has a head of its own
    require(ours != nullptr, "the model has no parameter ", theirs.name, ", but the base has it");
    const int64_t tokens = base.config.vocab_size, more = model.config().vocab_size;
    if (tokens < more && theirs.shape[0] == tokens && ours->shape[0] == more) {
      Parameter first = theirs;
      first.value = ours->value.like(theirs.shape);
      place_parameter(*base.tensors, base.naming, first, base.config);
      Tensor part = ours->value;
      for (int i = 0; i < theirs.shape.rank(); ++i) part = part.sliced(i, 0, theirs.shape[i]);
      copy_into(part, first.value, Write::set);
      ours->value.changed();
      continue;
    }
    require(ours->shape == theirs.shape || ours->name == "transformer.wpe.weight", "parameter ", ours->name,
            " is ", theirs.shape, " in the base; expected ", ours->shape);
    place_parameter(*base.tensors, base.naming, *ours, base.config);
  }
}

}  // namespace hewn

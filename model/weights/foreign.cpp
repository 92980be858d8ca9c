#include "model/weights/foreign.h"

#include <filesystem>

#include "core/error.h"
#include "kernels/devices.h"
#include "model/weights/gguf_model.h"
#include "model/weights/huggingface.h"
#include "model/weights/nanogpt.h"
#include "model/weights/tensorflow.h"

namespace hewn {
namespace {

/// A format: what its files are, how to know them (cheaply; the path exists), how to open them.
struct ForeignFormat {
  const char* files;
  bool (*matches)(const std::filesystem::path& path);
  ForeignModel (*open)(const std::string& path);
};

constexpr ForeignFormat foreign_formats[] = {
    {"a directory with config.json (Hugging Face)", looks_like_huggingface, open_huggingface},
    {"a .gguf file (llama.cpp)", looks_like_gguf, open_gguf},
    {"a checkpoint of nanoGPT, ckpt.pt", looks_like_nanogpt, open_nanogpt},
    {"a directory with hparams.json (OpenAI's GPT-2)", looks_like_tensorflow, open_tensorflow},
};

}  // namespace

ForeignModel open_foreign(const std::string& path) {
  if (!std::filesystem::exists(path)) fail(ErrorCode::input, path, ": there is no such file or directory");
  std::string known;
  for (const ForeignFormat& format : foreign_formats) {
    if (format.matches(path)) return format.open(path);
    known += std::string("\n  ") + format.files;
  }
  fail(ErrorCode::input, path, " is no model of a known format; expected", known);
}

void crop_context(ForeignModel& foreign, int64_t block_size) {
  if (block_size == 0) return;
  require(block_size <= foreign.config.block_size, "block_size = ", block_size,
          " is longer than the model's ", foreign.config.block_size);
  foreign.config.block_size = block_size;
}

std::unique_ptr<Model> load_foreign(const ForeignModel& foreign, Device& device, DType dtype, bool grads) {
  // First without memory: what a configuration says is nothing to allocate by before the tensors are there.
  const auto nowhere = make_meta(1, best_isa());
  check_fit(*foreign.tensors, foreign.naming, *make_model(foreign.config, *nowhere, dtype, 1, false));
  auto model = make_model(foreign.config, device, dtype, 1, grads);
  if (!executor(device).runs()) return model;
  foreign.verify();
  place(*foreign.tensors, foreign.naming, *model);
  return model;
}

}  // namespace hewn

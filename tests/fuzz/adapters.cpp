// Adapters in PEFT's files.

#include <stdexcept>

#include "model/adapters/adapter_files.h"
#include "tests/fuzz/target.h"
#include "tests/support/write_safetensors.h"

namespace hewn::test {
namespace {

constexpr const char* good_config =
    R"({"peft_type":"LORA","r":1,"lora_alpha":2,"target_modules":["c_attn"]})";

/// A directory with a good adapter for `small_model`.
std::filesystem::path adapter_directory(const char* name) {
  const std::filesystem::path path = fuzz_directory() / name;
  std::filesystem::create_directory(path);
  const float values[6] = {1, 2, 3, 4, 5, 6};
  const std::string layer = "base_model.model.transformer.h.0.attn.c_attn.lora_";
  write_safetensors((path / adapter_weights_file).string(),
                    {{layer + "A.weight", DType::f32, {1, 2}, values, 8},
                     {layer + "B.weight", DType::f32, {6, 1}, values, 24}});
  put_file(path / adapter_config_file, good_config);
  return path;
}

void use_adapter(const std::filesystem::path& directory) {
  static const auto model = declare_model(
      {.vocab_size = 3, .block_size = 2, .n_layer = 1, .n_head = 1, .n_embd = 2, .mlp_width = 3});
  for (const LowRankChange& change : read_adapter(directory.string(), *model).changes) {
    const Parameter& p = *model->parameters().find(change.parameter);
    const auto size = [](int64_t rows, int64_t cols) { return static_cast<size_t>(rows * cols); };
    if (change.a.size() != size(change.rank, p.shape[0]) ||
        change.b.size() != size(change.rank, change.width) || change.first < 0 ||
        change.first + change.width > p.shape[1])
      throw std::logic_error("the change of " + p.name + " does not fit it");
    touch(change.a.data(), change.a.size() * sizeof(double));
    touch(change.b.data(), change.b.size() * sizeof(double));
  }
}

const AddFuzzTarget adapter_config_target("adapter_config", [](std::string_view bytes) {
  static const std::filesystem::path directory = adapter_directory("adapter_config");
  put_file(directory / adapter_config_file, bytes);
  use_adapter(directory);
});

const AddFuzzTarget adapter_weights_target("adapter_weights", [](std::string_view bytes) {
  static const std::filesystem::path directory = adapter_directory("adapter_weights");
  put_file(directory / adapter_weights_file, bytes);
  use_adapter(directory);
});

}  // namespace
}  // namespace hewn::test

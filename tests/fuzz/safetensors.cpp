#include "model/weights/safetensors/safetensors.h"

#include "model/weights/huggingface/huggingface.h"
#include "tests/fuzz/target.h"
#include "tests/support/write_safetensors.h"

namespace hewn::test {
namespace {

const AddFuzzTarget safetensors_target("safetensors", [](std::string_view bytes) {
  const SafetensorsFile file(memory_file(bytes));
  for (const TensorEntry& entry : file.entries()) touch(entry.data, entry.bytes);
});

/// A directory of Hugging Face's with one good file of tensors, and bytes for its index.
const AddFuzzTarget safetensors_index_target("safetensors_index", [](std::string_view bytes) {
  static const std::filesystem::path directory = [] {
    const std::filesystem::path path = fuzz_directory() / "sharded";
    std::filesystem::create_directory(path);
    put_file(path / "config.json",
             R"({"model_type":"gpt2","vocab_size":3,"n_positions":2,"n_layer":0,"n_head":1,"n_embd":2})");
    const float values[6] = {};
    write_safetensors((path / "a.safetensors").string(),
                      {{"wte.weight", DType::f32, {3, 2}, values, sizeof values}});
    return path;
  }();
  put_file(directory / "model.safetensors.index.json", bytes);
  open_huggingface(directory.string()).tensors->each([](const TensorEntry& entry) {
    touch(entry.data, entry.bytes);
  });
});

const AddFuzzTarget huggingface_config_json_target("huggingface_config", [](std::string_view bytes) {
  huggingface_config(std::string(bytes));
});

}  // namespace
}  // namespace hewn::test

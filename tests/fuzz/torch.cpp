#include "model/weights/torch/nanogpt.h"
#include "model/weights/torch/torch_file.h"
#include "tests/fuzz/target.h"

namespace hewn::test {
namespace {

const AddFuzzTarget torch_target("torch", [](std::string_view bytes) {
  const TorchFile file(memory_file(bytes));
  file.each([](const TensorEntry& entry) { touch(entry.data, entry.bytes); });
});

const AddFuzzTarget pickle_target("pickle", [](std::string_view bytes) { const Pickle read(bytes); });

const AddFuzzTarget meta_target("meta_pkl", [](std::string_view bytes) {
  const auto tokenizer = nanogpt_tokenizer(memory_file(bytes));
  for (int32_t id = 0; id < tokenizer->vocab_size(); ++id) tokenizer->encode(tokenizer->piece(id));
});

const AddFuzzTarget nanogpt_target("nanogpt", [](std::string_view bytes) {
  const ForeignModel opened = open_nanogpt(memory_file(bytes));
  opened.tensors->each([](const TensorEntry& entry) { touch(entry.data, entry.bytes); });
});

}  // namespace
}  // namespace hewn::test

#include "model/weights/gguf/gguf.h"

#include "model/weights/gguf/importance.h"
#include "tests/fuzz/target.h"

namespace hewn::test {
namespace {

const AddFuzzTarget gguf_target("gguf", [](std::string_view bytes) {
  const GgufFile file(memory_file(bytes));
  for (const TensorEntry& entry : file.entries()) touch(entry.data, entry.bytes);
});

const AddFuzzTarget importance_target("importance", [](std::string_view bytes) {
  for (const auto& [name, means] : read_importance(memory_file(bytes)))
    touch(means.data(), means.size() * sizeof means[0]);
});

}  // namespace
}  // namespace hewn::test

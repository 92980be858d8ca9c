#include "model/weights/gguf/gguf.h"

#include "tests/fuzz/target.h"

namespace hewn::test {
namespace {

const AddFuzzTarget gguf_target("gguf", [](std::string_view bytes) {
  const GgufFile file(memory_file(bytes));
  for (const TensorEntry& entry : file.entries()) touch(entry.data, entry.bytes);
});

}  // namespace
}  // namespace hewn::test

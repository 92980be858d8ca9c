// Models in one file as `hewn import` takes them: from their structure to their weights.

#include <stdexcept>

#include "model/weights/gguf/gguf_model.h"
#include "model/weights/llama2c/llama2c.h"
#include "tests/fuzz/target.h"

namespace hewn::test {
namespace {

void use_model(const ForeignModel& foreign) {
  const auto model = declare_model(foreign.config);
  check_fit(*foreign.tensors, foreign.naming, *model);
  for (const Parameter& p : model->parameters().all()) {
    const auto values = placed_values<float>(*foreign.tensors, foreign.naming, p, foreign.config);
    if (static_cast<int64_t>(values.size()) != p.shape.numel())
      throw std::logic_error(p.name + " has another number of values than its shape");
    touch(values.data(), values.size() * sizeof(float));
  }
  if (foreign.tokenizer) use_tokenizer(*foreign.tokenizer);
}

const AddFuzzTarget gguf_model_target("gguf_model", [](std::string_view bytes) {
  use_model(open_gguf(memory_file(bytes)));
});

const AddFuzzTarget llama2c_model_target("llama2c_model", [](std::string_view bytes) {
  use_model(open_llama2c(memory_file(bytes)));
});

}  // namespace
}  // namespace hewn::test

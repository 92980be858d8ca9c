// Models in one file as `hewn import` takes them: from their structure to their weights.

#include <stdexcept>

#include "model/weights/gguf/gguf_model.h"
#include "model/weights/huggingface/huggingface_texts.h"
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

/// The files, with zero bytes between them.
const AddFuzzTarget huggingface_texts_target("huggingface_texts", [](std::string_view bytes) {
  static const auto tokenizer = train_tokenizer("bpe", "a text", {.vocab_size = 257});
  TextFacts files;
  for (const char* name :
       {"config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json"}) {
    const size_t end = std::min(bytes.find('\0'), bytes.size());
    if (end > 0) files[name] = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  const TextForm form = huggingface_texts(files, *tokenizer);
  text_form_from_json(to_json(form), tokenizer->vocab_size());
});

const AddFuzzTarget llama2c_model_target("llama2c_model", [](std::string_view bytes) {
  use_model(open_llama2c(memory_file(bytes)));
});

}  // namespace
}  // namespace hewn::test

#include "apps/run/text/drawn_text.h"

#include <vector>

#include "core/error.h"
#include "model/generation/generate.h"

namespace hewn::cli {

std::string drawn_text(Model& model, const Tokenizer& tokenizer, int64_t tokens, uint64_t seed) {
  std::vector<int32_t> ids, prompt{0};
  try {
    prompt = tokenizer.encode("\n");
  } catch (const Error&) {  // without a newline in the vocabulary, begin with its first token
  }
  generate(model, prompt,
           {.max_new_tokens = tokens,
            .temperature = 0.8,
            .seed = seed,
            .context = {.vocab_size = tokenizer.vocab_size()}},
           [&](int32_t id) {
             ids.push_back(id);
             return true;
           });
  return tokenizer.decode(ids);
}

}  // namespace hewn::cli

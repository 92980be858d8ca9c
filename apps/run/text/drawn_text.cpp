#include "apps/run/text/drawn_text.h"

#include <vector>

#include "kernels/contract/contract.h"
#include "kernels/roof/roof.h"
#include "model/generation/generate.h"

namespace hewn::cli {

std::string drawn_text(Model& model, const TextEncoder& texts, int64_t tokens, uint64_t seed,
                       double temperature) {
  std::string text;
  for (uint64_t document = 0; tokens > 0; ++document) {
    std::vector<int32_t> ids;
    generate(model, texts.opening(),
             {.max_new_tokens = tokens,
              .sampling = {.temperature = temperature},
              .seed = seed,
              .sample = document,
              .context = {.vocab_size = texts.tokenizer().vocab_size(), .begin = texts.begin()},
              .stop_tokens = texts.ends()},
             [&](int32_t id) {
               ids.push_back(id);
               return true;
             });
    text += (document > 0 ? "\n" : "") + texts.tokenizer().decode(ids);
    tokens -= std::ssize(ids) + 1;  // the one that ended it
  }
  return text;
}

double seconds_to_read(const Model& model) {
  const Executor& device = executor(model.device());
  const size_t bytes = model.parameters().bytes_read();
  return static_cast<double>(bytes) / measured_bandwidth(bytes, device.isa(), device.threads());
}

}  // namespace hewn::cli

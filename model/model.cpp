#include "model/model.h"

#include <algorithm>

#include "core/error.h"
#include "model/baselines.h"
#include "model/gpt.h"
#include "model/kv_cache.h"

namespace hewn {

void Model::check_tokens(const Tensor& tokens, const ForwardOptions& options) const {
  require(tokens.rank() == 2 && tokens.dtype() == DType::i32, "tokens are ", name_of(tokens.dtype()), " ",
          tokens.shape(), "; expected i32 [B, T]");
  require(options.caches.empty() || static_cast<int64_t>(options.caches.size()) == tokens.dim(0),
          options.caches.size(), " caches for ", tokens.dim(0), " sequences; expected one for each");
  int64_t before = options.cache ? options.cache->length() : 0;
  for (const KvCache* cache : options.caches) before = std::max(before, cache->length());
  require(tokens.dim(1) >= 1 && before + tokens.dim(1) <= config_.block_size, "a context of ",
          before + tokens.dim(1), " tokens; expected 1 to block_size = ", config_.block_size);
}

std::unique_ptr<Model> declare_model(const ModelConfig& config) {
  config.check();
  if (config.arch == "gpt") return std::make_unique<Gpt>(config);
  if (config.arch == "bigram") return std::make_unique<Bigram>(config);
  return std::make_unique<BigramLinear>(config);
}

std::unique_ptr<Model> make_model(const ModelConfig& config, Device& device, DType dtype, uint64_t seed,
                                  bool grads) {
  std::unique_ptr<Model> model = declare_model(config);
  model->parameters().allocate(device, dtype, seed, grads);
  return model;
}

}  // namespace hewn

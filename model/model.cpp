#include "model/model.h"

#include <algorithm>

#include "core/error.h"
#include "model/baselines/bigram.h"
#include "model/baselines/ngram.h"
#include "model/baselines/recurrent.h"
#include "model/cache.h"
#include "model/gpt.h"

namespace hewn {

void Model::check_tokens(const Tensor& tokens, const ForwardOptions& options) const {
  require(tokens.rank() == 2 && tokens.dtype() == DType::i32, "tokens are ", name_of(tokens.dtype()), " ",
          tokens.shape(), "; expected i32 [B, T]");
  require(options.caches.empty() || static_cast<int64_t>(options.caches.size()) == tokens.dim(0),
          options.caches.size(), " caches for ", tokens.dim(0), " sequences; expected one for each");
  int64_t before = options.cache ? options.cache->length() : 0;
  for (const Cache* cache : options.caches) before = std::max(before, cache->length());
  require(tokens.dim(1) >= 1 && before + tokens.dim(1) <= config_.block_size, "a context of ",
          before + tokens.dim(1), " tokens; expected 1 to block_size = ", config_.block_size);
}

void Model::require_same_shape(const Tensor& tokens, const Tensor& targets) {
  require(tokens.shape() == targets.shape(), "tokens are ", tokens.shape(), ", targets ", targets.shape());
}

std::unique_ptr<Cache> Model::make_cache(int64_t batch, int64_t capacity, KvFormat kv) const {
  require(kv == KvFormat::f32 || caches_keys(), "kv = ", name_of(kv), ": arch = ", config_.arch,
          " has no keys and values; leave it out");
  return new_cache(batch, capacity, kv);
}

std::unique_ptr<Cache> Model::new_cache(int64_t, int64_t, KvFormat) const { return nullptr; }

std::unique_ptr<Model> declare_model(const ModelConfig& config) {
  config.check();
  if (config.arch == "gpt") return std::make_unique<Gpt>(config);
  if (config.arch == "bigram") return std::make_unique<Bigram>(config);
  if (config.arch == "ngram") return std::make_unique<Ngram>(config);
  if (config.arch == "rnn" || config.arch == "lstm") return std::make_unique<Recurrent>(config);
  return std::make_unique<BigramLinear>(config);
}

std::unique_ptr<Model> make_model(const ModelConfig& config, Device& device, DType dtype, uint64_t seed,
                                  bool grads) {
  std::unique_ptr<Model> model = declare_model(config);
  model->parameters().allocate(device, dtype, seed, grads);
  return model;
}

}  // namespace hewn

#include "model/baselines/bigram.h"

#include "kernels/copy/op.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/embedding/op.h"
#include "kernels/linear/op.h"
#include "kernels/linear_cross_entropy/op.h"
#include "model/layers.h"

namespace hewn {
namespace {

Tensor last_tokens(const Tensor& tokens, const ForwardOptions& options) {
  return options.last_only && tokens.dim(1) > 1 ? contiguous(tokens.sliced(1, tokens.dim(1) - 1, 1)) : tokens;
}

}  // namespace

Bigram::Bigram(const ModelConfig& config)
    : Model(config),
      table_(parameters().add("table.weight", {config.vocab_size, config.vocab_size},
                              Init::normal(initial_deviation))) {}

Tensor Bigram::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions&) {
  check_tokens(tokens, {});
  return cross_entropy(embedding(table_->value, tokens.viewed({tokens.numel()})),
                       targets.viewed({targets.numel()}));
}

Tensor Bigram::target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions&) {
  check_tokens(tokens, {});
  return cross_entropy_rows(embedding(table_->value, tokens), targets);
}

Tensor Bigram::logits(const Tensor& tokens, const ForwardOptions& options) {
  check_tokens(tokens, {});
  return embedding(table_->value, last_tokens(tokens, options));
}

BigramLinear::BigramLinear(const ModelConfig& config)
    : Model(config),
      wte_(parameters().add("wte.weight", {config.vocab_size, config.n_embd},
                            Init::normal(initial_deviation))),
      head_(parameters().add("lm_head.weight", {config.vocab_size, config.n_embd},
                             Init::normal(initial_deviation))),
      bias_(config.bias ? parameters().add("lm_head.bias", {config.vocab_size}, Init::zeros()) : nullptr) {}

Tensor BigramLinear::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions&) {
  check_tokens(tokens, {});
  const Tensor x = embedding(value_of(*wte_), tokens.viewed({tokens.numel()}));
  return linear_cross_entropy(x, head_->value, bias_ ? bias_->value : Tensor(),
                              targets.viewed({targets.numel()}));
}

Tensor BigramLinear::target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions&) {
  check_tokens(tokens, {});
  const Tensor x = embedding(value_of(*wte_), tokens.viewed({tokens.numel()}));
  return reshape(linear_cross_entropy_rows(x, head_->value, bias_ ? bias_->value : Tensor(),
                                           targets.viewed({targets.numel()})),
                 {targets.dim(0), targets.dim(1)});
}

Tensor BigramLinear::logits(const Tensor& tokens, const ForwardOptions& options) {
  check_tokens(tokens, {});
  return linear(embedding(value_of(*wte_), last_tokens(tokens, options)), head_->value,
                bias_ ? bias_->value : Tensor(), {.layout = Layout::out_in});
}

}  // namespace hewn

#include "model/baselines/recurrent.h"

#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/recompute.h"
#include "kernels/copy/op.h"
#include "kernels/embedding/op.h"

// Shapes: B sequences of T tokens, C = n_embd. Time comes first, [T, B, C], so that the inputs of a step are contiguous,
// and all products that do not depend on the step before are one for all steps.

namespace hewn {
namespace {

/// [B, T] as [T, B], or back.
Tensor time_first(const Tensor& x) {
  if (x.dim(0) == 1 || x.dim(1) == 1) return x.viewed({x.dim(1), x.dim(0)});
  return contiguous(x.transposed(0, 1));
}

}  // namespace

RecurrentCache::RecurrentCache(const ModelConfig& config, Device& device, DType dtype, int64_t batch,
                               int64_t capacity)
    : Cache(capacity), per_layer_(config.arch == "lstm" ? 2 : 1) {
  for (size_t i = 0; i < per_layer_ * static_cast<size_t>(config.n_layer); ++i)
    kept_.push_back(Tensor::zeros(device, dtype, {batch, config.n_embd}));
}

RecurrentState RecurrentCache::layer(int64_t layer) const {
  const size_t first = per_layer_ * static_cast<size_t>(layer);
  return {kept_[first], per_layer_ == 2 ? kept_[first + 1] : Tensor()};
}

void RecurrentCache::clear() {
  Cache::clear();
  for (Tensor& values : kept_) values.zero();
}

void RecurrentCache::select(const std::vector<int64_t>& sequences) {
  for (Tensor& values : kept_) {
    const Tensor chosen = values.like({static_cast<int64_t>(sequences.size()), values.dim(1)});
    int64_t to = 0;
    for (const int64_t b : sequences) {
      Tensor row = chosen.sliced(0, to++, 1);
      row.copy_from(values.sliced(0, b, 1));
    }
    values = chosen;
  }
}

// PyTorch draws the weights of recurrent and linear layers uniformly from [-1/sqrt(C), 1/sqrt(C)]; these are normal with
// the same deviation. Embeddings have deviation 1, as there: nothing normalises what enters a layer, and with the 0.02
// of a transformer an LSTM of two layers still predicts single characters after 200 steps.
Recurrent::Recurrent(const ModelConfig& config)
    : Model(config),
      lstm_(config.arch == "lstm"),
      wte_(parameters().add("wte.weight", {config.vocab_size, config.n_embd}, Init::normal(1))) {
  const int64_t C = config.n_embd, sums = lstm_ ? 4 * C : C;
  const double deviation = 1 / std::sqrt(3 * static_cast<double>(C));
  for (int64_t layer = 0; layer < config.n_layer; ++layer) {
    const std::string name = "layers." + std::to_string(layer);
    layers_.push_back(
        {LinearLayer(parameters(), name + ".input", C, sums, config.bias, deviation),
         parameters().add(name + ".recurrent.weight", {C, sums}, Init::normal(deviation)),
         DropoutLayer(layer + 1 < config.n_layer ? config.dropout : 0, DropoutPlace::layer_output, layer)});
  }
  head_.emplace(parameters(), config, wte_, deviation);
}

Tensor Recurrent::cell(const Tensor& u, const Tensor& weight, RecurrentState* state) const {
  return lstm_ ? lstm(u, weight, state) : rnn(u, weight, state);
}

// Sequences with a cache each are one batch while they are computed.
Tensor Recurrent::cached(int64_t layer, const Tensor& u, const Tensor& weight,
                         const ForwardOptions& options) const {
  const NoGrad none;
  const auto state_of = [layer](const Cache* cache) {
    return static_cast<const RecurrentCache*>(cache)->layer(layer);
  };
  if (options.cache) {
    RecurrentState state = state_of(options.cache);
    return cell(u, weight, &state);
  }
  const Shape shape{u.dim(1), config().n_embd};
  RecurrentState all{u.like(shape), lstm_ ? u.like(shape) : Tensor()};
  const auto exchange = [&](bool gather) {
    for (size_t b = 0; b < options.caches.size(); ++b) {
      RecurrentState own = state_of(options.caches[b]);
      for (auto part : {&RecurrentState::h, &RecurrentState::c}) {
        if (!(own.*part).defined()) continue;
        Tensor row = (all.*part).sliced(0, static_cast<int64_t>(b), 1);
        gather ? row.copy_from(own.*part) : (own.*part).copy_from(row);
      }
    }
  };
  exchange(true);
  const Tensor h = cell(u, weight, &all);
  exchange(false);
  return h;
}

// u = x W_input + b for all steps, then h_t from h_(t-1), step by step.
Tensor Recurrent::apply(size_t number, const Tensor& x, const ForwardOptions& options) const {
  const Layer& layer = layers_[number];
  const Scope scope("layers." + std::to_string(number));
  const Tensor& weight = layer.recurrent->value;
  const Tensor u = layer.input(x, weight.dtype(), options.step_state);
  if (options.cached()) return cached(static_cast<int64_t>(number), u, weight, options);
  return layer.dropout(cell(u, weight), options.step_state);
}

Tensor Recurrent::trunk(const Tensor& tokens, const ForwardOptions& options) {
  check_tokens(tokens, options);
  Tensor x = embedding(value_of(*wte_), time_first(tokens));
  for (size_t i = 0; i < layers_.size(); ++i) {
    const auto layer = [this, i, options](const Tensor& input) { return apply(i, input, options); };
    x = options.recompute ? recomputed(x, layer) : layer(x);
  }
  if (options.cache) options.cache->advance(tokens.dim(1));
  for (Cache* cache : options.caches) cache->advance(tokens.dim(1));
  return x;
}

// The mean over targets does not depend on their order.
Tensor Recurrent::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  require_same_shape(tokens, targets);
  return head_->loss(trunk(tokens, options), time_first(targets));
}

Tensor Recurrent::target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  require_same_shape(tokens, targets);
  const Tensor losses = head_->target_losses(trunk(tokens, options), time_first(targets));
  return contiguous(transpose(reshape(losses, {targets.dim(1), targets.dim(0)}), 0, 1));
}

Tensor Recurrent::logits(const Tensor& tokens, const ForwardOptions& options) {
  Tensor x = trunk(tokens, options);  // [T, B, C]
  if (options.last_only && x.dim(0) > 1) x = slice(x, 0, x.dim(0) - 1, 1);
  return head_->logits(contiguous(transpose(x, 0, 1)));
}

std::unique_ptr<Cache> Recurrent::new_cache(int64_t batch, int64_t capacity, KvFormat) const {
  return std::make_unique<RecurrentCache>(config(), device(), parameters().dtype(), batch, capacity);
}

}  // namespace hewn

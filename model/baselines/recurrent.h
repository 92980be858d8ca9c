#pragma once
// Recurrent networks: models that read a text token by token into a state of fixed size.

#include <optional>
#include <string>
#include <vector>

#include "kernels/recurrent/op.h"
#include "model/cache.h"
#include "model/head.h"
#include "model/layers.h"
#include "model/model.h"

namespace hewn {

/// The state of every layer: h and, for an LSTM, c. The cost of a token does not depend on the length of the
/// text.
class RecurrentCache final : public Cache {
 public:
  /// Zeros for each of `batch` sequences. `capacity` only limits the count of tokens.
  RecurrentCache(const ModelConfig& config, Device& device, DType dtype, int64_t batch, int64_t capacity);
  /// The state of a layer; its tensors share the cache's memory.
  RecurrentState layer(int64_t layer) const;
  void clear() override;
  void select(const std::vector<int64_t>& sequences) override;

 private:
  size_t per_layer_;  // tensors of kept_, each [batch, C]
};

/// arch = rnn or lstm: an embedding, n_layer recurrent layers of n_embd units (kernels/recurrent/op.h), and a head. A
/// layer has the weights of torch.nn.RNN or nn.LSTM, transposed, and one bias where PyTorch adds two. Every
/// window begins with a state of zeros, and gradients flow back to its start. Dropout applies to the outputs
/// of all layers but the last, as in PyTorch.
class Recurrent final : public Model {
 public:
  explicit Recurrent(const ModelConfig& config);
  Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) override;
  Tensor target_losses(const Tensor& tokens, const Tensor& targets,
                       const ForwardOptions& options = {}) override;
  Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) override;

 private:
  std::unique_ptr<Cache> new_cache(int64_t batch, int64_t capacity, KvFormat kv) const override;
  struct Layer {
    LinearLayer input;     // [C, C] or [C, 4C]: i | f | g | o
    Parameter* recurrent;  // the same shape
    DropoutLayer dropout;  // of its output
  };
  /// Everything but the head: tokens [B, T] -> [T, B, C].
  Tensor trunk(const Tensor& tokens, const ForwardOptions& options);
  Tensor apply(size_t number, const Tensor& x, const ForwardOptions& options) const;
  Tensor cached(int64_t layer, const Tensor& u, const Tensor& weight, const ForwardOptions& options) const;
  Tensor cell(const Tensor& u, const Tensor& weight, RecurrentState* state = nullptr) const;

  bool lstm_;
  Parameter* wte_;  // [V, C]
  std::vector<Layer> layers_;
  std::optional<Head> head_;  // declared last
};

}  // namespace hewn

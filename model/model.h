#pragma once
// What every architecture offers: a loss to train on, logits to sample from, parameters to save.

#include <memory>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace hewn {

class KvCache;

/// How to run a forward pass.
struct ForwardOptions {
  /// u8 [sizeof(StepState)] on the device: a training step, with dropout. Undefined: evaluation, without.
  Tensor step_state = {};
  /// The tokens continue the sequences that this cache holds, and are added to it.
  KvCache* cache = nullptr;
  /// `logits` only of the last position of each sequence.
  bool last_only = false;
  /// Blocks keep only their input for the backward pass, which computes the rest again.
  bool recompute = false;
  /// Instead of `cache`: for each row of tokens a cache of one sequence. Their lengths may differ.
  std::vector<KvCache*> caches = {};

  bool cached() const { return cache != nullptr || !caches.empty(); }
};

class Model {
 public:
  explicit Model(const ModelConfig& config) : config_(config) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// Mean cross-entropy, in nats, of targets [B, T] (i32, -100 is ignored) after tokens [B, T] (i32): a
  /// scalar. Throws usage when the shapes do not fit each other or the model.
  virtual Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) = 0;
  /// tokens [B, T] (i32) -> [B, T, V], or [B, 1, V] with `last_only`. Throws as `loss` does.
  virtual Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) = 0;
  /// Whether this architecture can use a KvCache.
  virtual bool uses_cache() const { return false; }

  const ModelConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  /// Where the parameters are.
  Device& device() const { return parameters_.device(); }

 protected:
  /// Throws usage unless tokens are i32 [B, T] with T >= 1, and T plus what a cache holds <= block_size.
  void check_tokens(const Tensor& tokens, const ForwardOptions& options) const;

 private:
  ModelConfig config_;
  Parameters parameters_;
};

/// The architecture `config.arch`. Its parameters are declared and have no values yet: `Parameters::allocate`
/// or `Parameters::adopt` gives them some. Throws usage when the config is inconsistent.
std::unique_ptr<Model> declare_model(const ModelConfig& config);

/// The same with parameters allocated and drawn from `seed`; `grads` false for a model that only samples.
std::unique_ptr<Model> make_model(const ModelConfig& config, Device& device, DType dtype = DType::f32,
                                  uint64_t seed = 1, bool grads = true);

}  // namespace hewn

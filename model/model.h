#pragma once
// The interface of every architecture: a loss to train on, logits to sample from, parameters to save.

#include <memory>
#include <vector>

#include "core/base/not_copied.h"
#include "kernels/paged_attention/abi.h"
#include "model/config.h"
#include "model/parameters.h"
#include "model/named_tensors.h"

namespace hewn {

class Cache;

/// How to run a forward pass.
struct ForwardOptions {
  /// u8 [sizeof(StepState)] on the device: a training step, with dropout. If undefined: evaluation, without dropout.
  Tensor step_state = {};
  /// If given, the tokens continue the sequences in this cache, created by the same model, and are appended
  /// to it.
  Cache* cache = nullptr;
  /// Compute `logits` only for the last position of each sequence.
  bool last_only = false;
  /// If not empty (transformers without gradients only): compute `logits` only for position ends[b] of
  /// sequence b. The last block then computes only these positions, apart from keys and values.
  std::vector<int64_t> ends = {};
  /// Blocks save only their input; the backward pass recomputes the rest.
  bool recompute = false;
  /// Instead of `cache`: one cache of one sequence for each row of tokens. Their lengths may differ.
  std::vector<Cache*> caches = {};
  /// With a cache or caches, i32 [B, T] on the device: the position of each token, equal to the length of its
  /// cache. GPU kernels read it there, so that a captured pass can be replayed for the next token.
  Tensor positions = {};

  bool cached() const { return cache != nullptr || !caches.empty(); }
};

class Model : NotCopied {
 public:
  explicit Model(const ModelConfig& config) : config_(config) {}
  virtual ~Model() = default;

  /// Mean cross-entropy, in nats, of targets [B, T] (i32, tokens or a classifier's labels; -100 is ignored)
  /// given tokens [B, T] (i32): a scalar. Throws usage if the shapes do not match each other or the model.
  virtual Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) = 0;
  /// The same without the mean: -log P of every target, [B, T], 0 where it is -100.
  virtual Tensor target_losses(const Tensor& tokens, const Tensor& targets,
                               const ForwardOptions& options = {}) = 0;
  /// tokens [B, T] (i32) -> [B, T, V], or [B, 1, V] with `last_only` or `ends`; V = `ModelConfig::outputs`. Throws like
  /// `loss`.
  virtual Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) = 0;
  /// A cache for at most `capacity` tokens of each of `batch` sequences, with which a new token costs one step; null if
  /// this architecture has none. Throws usage for a key-value format other than f32 unless the cache is paged
  /// (KvCache).
  std::unique_ptr<Cache> make_cache(int64_t batch, int64_t capacity, KvFormat kv = KvFormat::f32) const;
  /// Whether the cache is a KvCache, which can be truncated to its first tokens.
  virtual bool caches_keys() const { return false; }

  /// Whether the model consists of counts instead of parameters, and is trained by counting.
  virtual bool counted() const { return false; }
  /// The tables of counts, valid until the model changes. Weight files store them instead of parameters.
  virtual std::vector<TensorEntry> tables() const { return {}; }
  /// Replaces the tables by those of a file. Throws ErrorCode::input if a table is missing, unknown or
  /// inconsistent.
  virtual void take_tables(const NamedTensors& from) { (void)from; }

  const ModelConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  /// The device of the parameters.
  Device& device() const { return parameters_.device(); }

 protected:
  /// Throws usage unless tokens are i32 [B, T] with T >= 1, and T plus the cached length <= block_size.
  void check_tokens(const Tensor& tokens, const ForwardOptions& options) const;
  /// Throws usage unless there is a target for each token.
  static void require_same_shape(const Tensor& tokens, const Tensor& targets);

 private:
  virtual std::unique_ptr<Cache> new_cache(int64_t batch, int64_t capacity, KvFormat kv) const;

  ModelConfig config_;
  Parameters parameters_;
};

/// A model of architecture `config.arch`. Its parameters are declared but have no values until
/// `Parameters::allocate` or `Parameters::adopt` is called. Throws usage if the config is inconsistent.
std::unique_ptr<Model> declare_model(const ModelConfig& config);

/// The same, with parameters allocated and drawn from `seed`. `grads` is false for models that only sample.
std::unique_ptr<Model> make_model(const ModelConfig& config, Device& device, DType dtype = DType::f32,
                                  uint64_t seed = 1, bool grads = true);

}  // namespace hewn

#pragma once
// What every architecture offers: a loss to train on, logits to sample from, parameters to save.

#include <memory>
#include <vector>

#include "model/config.h"
#include "model/parameters.h"

namespace hewn {

/// Keys and values of the tokens a model has already seen, per layer, so that the next token costs one row.
class KvCache {
 public:
  /// Room for `capacity` tokens of `batch` sequences.
  KvCache(const ModelConfig& config, Device& device, DType dtype, int64_t batch, int64_t capacity);

  int64_t length() const { return length_; }
  int64_t capacity() const { return capacity_; }
  /// Appends the k and v columns of qkv [B, T, (H + 2 Hkv) D] after `length()` and returns all so far as
  /// views [B, Hkv, length + T, D]. `advance` moves on once all layers have done so.
  struct View {
    Tensor k, v;
  };
  View append(int64_t layer, const Tensor& qkv);
  void advance(int64_t tokens) { length_ += tokens; }
  void clear() { length_ = 0; }
  /// Becomes a cache of these sequences, in this order; one may be taken several times.
  void select(const std::vector<int64_t>& sequences);

 private:
  int64_t n_head_, n_kv_head_, capacity_, length_ = 0;
  std::vector<Tensor> layers_;  // [B, capacity, 2 Hkv D], k before v
};

/// How to run a forward pass.
struct ForwardOptions {
  Tensor step_state = {};    ///< u8 [sizeof(StepState)] on the device: dropout is on; undefined: evaluation
  KvCache* cache = nullptr;  ///< tokens continue what it holds
  bool last_only = false;    ///< logits of the last position of each sequence alone
  bool recompute =
      false;  ///< blocks keep their input alone for the backward pass, and are computed again there
  /// Instead of `cache`: one of a single sequence for each row of tokens, which may hold different lengths.
  std::vector<KvCache*> caches = {};
};

class Model {
 public:
  explicit Model(const ModelConfig& config) : config_(config) {}
  virtual ~Model() = default;
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// Mean cross-entropy in nats of targets [B, T] (i32, -100 is ignored) after tokens [B, T] (i32). A scalar.
  virtual Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options = {}) = 0;
  /// [B, T, V], or [B, 1, V] with `last_only`.
  virtual Tensor logits(const Tensor& tokens, const ForwardOptions& options = {}) = 0;
  /// Whether a KvCache means anything to this architecture.
  virtual bool uses_cache() const { return false; }

  const ModelConfig& config() const { return config_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  Device& device() const { return parameters_.device(); }

 protected:
  /// Tokens as [B, T] with 1 <= T and T plus what a cache holds <= block_size; throws usage otherwise.
  void check_tokens(const Tensor& tokens, const ForwardOptions& options) const;

 private:
  ModelConfig config_;
  Parameters parameters_;
};

/// Builds the architecture `config.arch`, its parameters declared but without values: to be given or adopted.
std::unique_ptr<Model> declare_model(const ModelConfig& config);

/// The same, and allocates its parameters with fresh values; `grads` false for sampling alone.
std::unique_ptr<Model> make_model(const ModelConfig& config, Device& device, DType dtype = DType::f32,
                                  uint64_t seed = 1, bool grads = true);

}  // namespace hewn

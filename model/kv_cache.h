#pragma once
// The key-value cache of decoding: a new token costs one row of computation instead of a whole context.

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "model/cache.h"
#include "model/config.h"

namespace hewn {

/// The keys and values of every layer of a transformer. With rotary positions the keys are stored rotated, so cached
/// rows never change.
class KvCache final : public Cache {
 public:
  /// Room for `capacity` tokens of each of `batch` sequences.
  KvCache(const ModelConfig& config, Device& device, DType dtype, int64_t batch, int64_t capacity);

  /// Keys and values of one layer, both [B, Hkv, tokens, D]: views of the cache.
  struct View {
    Tensor k, v;
  };
  /// Writes the k and v columns of qkv [B, T, (H + 2 Hkv) D] after the tokens held, and returns a view of all
  /// length() + T tokens. Every layer appends the same tokens; then `advance` counts them, once. `position`, if
  /// defined, is length() as i32 on the device, which a captured launch follows. Throws usage if they do not fit.
  View append(int64_t layer, const Tensor& qkv, const Tensor& position = {});
  void select(const std::vector<int64_t>& sequences) override;

 private:
  int64_t n_head_, n_kv_head_;  // of kept_, each [B, capacity, 2 Hkv D], k before v
};

}  // namespace hewn

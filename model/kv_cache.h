#pragma once
// The key-value cache of decoding: a new token costs one step instead of a whole context.

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "kernels/paged_attention/op.h"
#include "model/cache.h"
#include "model/config.h"

namespace hewn {

/// The keys and values of every layer of a transformer. With rotary positions the keys are stored rotated, so cached
/// rows never change. On CPUs, float32 models use pages of 64 tokens: allocated as the texts grow, shared by
/// sequences (copy on write), and optionally rounded (`KvFormat`). All other models use one contiguous
/// buffer.
class KvCache final : public Cache {
 public:
  /// For up to `capacity` tokens of each of `batch` sequences. `dtype` is the type of the model's values.
  /// Throws usage for a format other than f32 if the cache is not paged.
  KvCache(const ModelConfig& config, Device& device, DType dtype, int64_t batch, int64_t capacity,
          KvFormat format = KvFormat::f32);

  bool in_pages() const { return !pages_.empty(); }
  const PageLayout& layout() const { return layout_; }
  /// The offset of a layer's part in each page, in bytes.
  int64_t offset(int64_t layer) const { return layer * layout_.bytes(); }
  /// Allocates unshared pages for `tokens` further tokens of each sequence. Throws usage if they exceed the
  /// capacity.
  void make_room(int64_t tokens);
  /// Truncates each sequence to its first `tokens` tokens, and releases the pages of the others.
  void cut(int64_t tokens);
  /// The pages of one sequence.
  PagedSequence sequence(size_t b) const { return {length(), pages_[b]}; }

  /// Keys and values of one layer, both [B, Hkv, tokens, D]: views of the cache.
  struct View {
    Tensor k, v;
  };
  /// Without pages: writes the k and v columns of qkv [B, T, (H + 2 Hkv) D] after the tokens held, and
  /// returns a view of all length() + T tokens. After every layer has appended the same tokens, one call of
  /// `advance` counts them. `position`, if defined, is length() as i32 on the device; a replayed launch reads
  /// it there. Throws usage if they do not fit.
  View append(int64_t layer, const Tensor& qkv, const Tensor& position = {});
  void select(const std::vector<int64_t>& sequences) override;

 private:
  int64_t sequences() const { return in_pages() ? std::ssize(pages_) : kept_[0].dim(0); }
  void require_room(int64_t sequences, int64_t tokens) const;
  Tensor new_page() const;

  Device& device_;
  int64_t n_layer_, n_head_, n_kv_head_;  // of kept_, each [B, capacity, 2 Hkv D], k before v
  PageLayout layout_;
  std::vector<std::vector<Tensor>> pages_;  // of each sequence; u8, all layers one after the other
};

}  // namespace hewn

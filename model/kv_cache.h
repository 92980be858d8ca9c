#pragma once
// The key-value cache of decoding: a new token costs one row of computation instead of a whole context.

#include <cstdint>
#include <vector>

#include "core/tensor.h"
#include "kernels/paged_attention/op.h"
#include "model/cache.h"
#include "model/config.h"

namespace hewn {

/// The keys and values of every layer of a transformer. With rotary positions the keys are stored rotated, so cached
/// rows never change. On CPUs, float32 models keep them in pages of 64 tokens, which are allocated as the texts grow,
/// which sequences share until one of them writes there, and which may round them (`KvFormat`); everything else has one
/// piece for all tokens.
class KvCache final : public Cache {
 public:
  /// For up to `capacity` tokens of each of `batch` sequences. `dtype` is that of the model's values. Throws usage for
  /// another format than f32 if keys and values are not in pages.
  KvCache(const ModelConfig& config, Device& device, DType dtype, int64_t batch, int64_t capacity,
          KvFormat format = KvFormat::f32);

  bool in_pages() const { return !pages_.empty(); }
  const PageLayout& layout() const { return layout_; }
  /// Where a layer's part of each page begins, in bytes.
  int64_t offset(int64_t layer) const { return layer * layout_.bytes(); }
  /// Pages for this many further tokens of each sequence, which no other cache or sequence has. Throws usage if they do
  /// not fit.
  void make_room(int64_t tokens);
  /// Forgets all but the first tokens, which must be there, and the pages that only the others have.
  void cut(int64_t tokens);
  /// The pages of one sequence.
  PagedSequence sequence(size_t b) const { return {length(), pages_[b]}; }

  /// Keys and values of one layer, both [B, Hkv, tokens, D]: views of the cache.
  struct View {
    Tensor k, v;
  };
  /// Not in pages: writes the k and v columns of qkv [B, T, (H + 2 Hkv) D] after the tokens held, and returns a view of all
  /// length() + T tokens. Every layer appends the same tokens; then `advance` counts them, once. `position`, if
  /// defined, is length() as i32 on the device, which a captured launch follows. Throws usage if they do not fit.
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

#include "model/kv_cache.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/op.h"

namespace hewn {

KvCache::KvCache(const ModelConfig& config, Device& device, DType dtype, int64_t batch, int64_t capacity,
                 KvFormat format)
    : Cache(capacity),
      device_(device),
      n_layer_(config.n_layer),
      n_head_(config.n_head),
      n_kv_head_(config.kv_heads()),
      layout_{format, config.kv_heads(), config.head_size()} {
  if (!on_gpu(executor(device).isa()) && dtype == DType::f32) {
    pages_.resize(static_cast<size_t>(batch));
    return;
  }
  require(format == KvFormat::f32, "kv = ", name_of(format),
          ": is supported only on CPUs, for float32 models; leave it out");
  for (int64_t layer = 0; layer < config.n_layer; ++layer)
    kept_.push_back(
        Tensor::empty(device, dtype, {batch, capacity, 2 * config.kv_heads() * config.head_size()}));
}

void KvCache::require_room(int64_t sequences, int64_t tokens) const {
  require(length() + tokens <= capacity() && sequences == this->sequences(), "a cache of ", this->sequences(),
          " sequences of ", capacity(), " tokens already has ", length(), " in each; ", tokens,
          " more in each of ", sequences, " do not fit");
}

Tensor KvCache::new_page() const { return Tensor::empty(device_, DType::u8, {n_layer_ * layout_.bytes()}); }

void KvCache::make_room(int64_t tokens) {
  require_room(sequences(), tokens);
  for (std::vector<Tensor>& pages : pages_) {
    for (auto i = static_cast<size_t>(length() / page_tokens); i < pages.size(); ++i) {
      if (pages[i].storage().use_count() == 1) continue;
      const Tensor own = new_page();
      device_.copy(own.data(), pages[i].data(), own.bytes());
      pages[i] = own;
    }
    while (std::ssize(pages) * page_tokens < length() + tokens) pages.push_back(new_page());
  }
}

void KvCache::cut(int64_t tokens) {
  require(tokens <= length(), "a cache of ", length(), " tokens is cut to ", tokens);
  clear();
  advance(tokens);
  const auto needed = static_cast<size_t>((tokens + page_tokens - 1) / page_tokens);
  for (std::vector<Tensor>& pages : pages_) pages.resize(std::min(pages.size(), needed));
}

KvCache::View KvCache::append(int64_t layer, const Tensor& qkv, const Tensor& position) {
  const Tensor& all = kept_[static_cast<size_t>(layer)];
  const int64_t B = qkv.dim(0), T = qkv.dim(1), D = qkv.dim(2) / (n_head_ + 2 * n_kv_head_),
                width = n_kv_head_ * D;
  require_room(B, T);
  if (position.defined()) {
    copy_into_rows(all, position, qkv.sliced(2, n_head_ * D, 2 * width));
  } else if (T == 1 && qkv.dtype() == all.dtype()) {
    // One row per sequence: a view of it takes longer than the copy.
    const size_t element = size_of(all.dtype()), row = static_cast<size_t>(2 * width) * element;
    for (int64_t b = 0; b < B; ++b)
      qkv.device().copy(
          static_cast<uint8_t*>(all.data()) + static_cast<size_t>(b * capacity() + length()) * row,
          static_cast<const uint8_t*>(qkv.data()) +
              static_cast<size_t>(b * qkv.stride(0) + n_head_ * D) * element,
          row);
  } else {
    copy_into(all.sliced(1, length(), T), qkv.sliced(2, n_head_ * D, 2 * width), Write::set);
  }
  const Shape shape{B, n_kv_head_, length() + T, D};
  const Strides strides{capacity() * 2 * width, D, 2 * width, 1};
  return {all.strided(shape, strides, 0), all.strided(shape, strides, width)};
}

void KvCache::select(const std::vector<int64_t>& sequences) {
  if (in_pages()) {
    std::vector<std::vector<Tensor>> chosen;
    for (const int64_t b : sequences) chosen.push_back(pages_[static_cast<size_t>(b)]);
    pages_ = std::move(chosen);
  }
  for (Tensor& layer : kept_) {
    const auto width = layer.dim(2);
    const size_t row = static_cast<size_t>(width) * size_of(layer.dtype()),
                 used = static_cast<size_t>(length()) * row, all = static_cast<size_t>(capacity()) * row;
    const Tensor chosen = Tensor::empty(layer.device(), layer.dtype(),
                                        {static_cast<int64_t>(sequences.size()), capacity(), width});
    for (size_t b = 0; b < sequences.size(); ++b)
      layer.device().copy(static_cast<uint8_t*>(chosen.data()) + b * all,
                          static_cast<const uint8_t*>(layer.data()) + static_cast<size_t>(sequences[b]) * all,
                          used);
    layer = chosen;
  }
}

}  // namespace hewn

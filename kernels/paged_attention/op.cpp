#include "kernels/paged_attention/op.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/contract/contract.h"

namespace hewn {
namespace {

constexpr OpInfo paged_info{
    "paged_attention",
    "y_i = sum_{j <= i} p_ij v_j, p_ij = exp(s_ij - lse_i), s_ij = q_i . k_j / sqrt(D), with "
    "keys and values in pages",
    "none: text is continued without gradients"};

/// What a launch needs to know about its sequences.
struct Tables {
  std::vector<int64_t> places, lengths;
  int64_t columns = 1, most_keys = 0;
  const uint8_t* base = nullptr;

  Tables(std::span<const PagedSequence> sequences, const PagedOptions& options, int64_t T) {
    for (const PagedSequence& s : sequences) {
      columns = std::max(columns, std::ssize(s.pages));
      most_keys = std::max(most_keys, s.length + T);
      lengths.push_back(s.length);
    }
    base = static_cast<const uint8_t*>(sequences[0].pages[0].data());
    const auto place = [&](const Tensor& page) {
      return static_cast<int64_t>(reinterpret_cast<intptr_t>(page.data()) -
                                  reinterpret_cast<intptr_t>(base)) +
             options.offset;
    };
    places.resize(sequences.size() * static_cast<size_t>(columns));
    for (size_t b = 0; b < sequences.size(); ++b)
      std::transform(sequences[b].pages.begin(), sequences[b].pages.end(),
                     places.begin() + static_cast<std::ptrdiff_t>(b) * columns, place);
  }
};

void check(const Tensor& qkv, const PagedOptions& options, std::span<const PagedSequence> sequences) {
  const PageLayout& layout = options.layout;
  require(qkv.rank() == 3 && qkv.is_contiguous() && qkv.dtype() == DType::f32 && qkv.numel() > 0 &&
              layout.Hkv > 0 && options.n_head % layout.Hkv == 0 &&
              qkv.dim(2) == (options.n_head + 2 * layout.Hkv) * layout.D,
          "paged_attention: qkv is ", name_of(qkv.dtype()), " ", qkv.shape(),
          " with n_head = ", options.n_head, ", n_kv_head = ", layout.Hkv,
          "; expected contiguous f32 [B, T, (n_head + 2 n_kv_head) ", layout.D, "]");
  require(std::ssize(sequences) == qkv.dim(0), "paged_attention: ", sequences.size(), " sequences for qkv ",
          qkv.shape());
  for (const PagedSequence& s : sequences) {
    const int64_t tokens = std::ssize(s.pages) * page_tokens;
    require(s.length + qkv.dim(1) <= tokens, "paged_attention: pages for ", tokens, " tokens; ", s.length,
            " and ", qkv.dim(1), " more do not fit");
    for (const Tensor& page : s.pages)
      require(page.dtype() == DType::u8 && page.numel() >= options.offset + layout.bytes(),
              "paged_attention: a page is ", name_of(page.dtype()), " ", page.shape(), "; expected u8 with ",
              layout.bytes(), " bytes from byte ", options.offset, " on");
  }
}

}  // namespace

// Keys of a sequence are in pages as in Kwon et al., "Efficient memory management for large language model serving with
// PagedAttention" (2023), section 4.1: a sequence grows without being moved, and sequences share their beginnings.
Tensor paged_attention(const Tensor& qkv, const PagedOptions& options,
                       std::span<const PagedSequence> sequences) {
  const InOp op(paged_info);
  require(!recording({qkv}), "paged_attention has no gradient; use it without recording");
  check(qkv, options, sequences);
  const PageLayout& layout = options.layout;
  const int64_t B = qkv.dim(0), T = qkv.dim(1), H = options.n_head, D = layout.D, row = qkv.dim(2);
  const Tables tables(sequences, options, T);
  const PageTable pages{layout, tables.places.data(), tables.columns, tables.lengths.data()};
  const auto heads_from = [&](int64_t first) { return Heads{qkv.ptr<float>() + first * D, T * row, D, row}; };
  run(qkv.device(), AppendToPages{.pages = pages,
                                  .base = const_cast<uint8_t*>(tables.base),
                                  .B = B,
                                  .T = T,
                                  .k = heads_from(H),
                                  .v = heads_from(H + layout.Hkv)});
  Tensor y = qkv.like({B, T, H * D});
  run(qkv.device(), PagedAttention{.pages = pages,
                                   .base = tables.base,
                                   .B = B,
                                   .H = H,
                                   .T = T,
                                   .window = options.window == 0 ? tables.most_keys : options.window,
                                   .scale = 1 / std::sqrt(static_cast<double>(D)),
                                   .q = heads_from(0),
                                   .y = {y.data(), T * H * D, D, H * D},
                                   .most_keys = tables.most_keys});
  return y;
}

}  // namespace hewn

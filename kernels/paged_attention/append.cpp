#include <algorithm>
#include <cmath>

#include "kernels/contract/parallel.h"
#include "kernels/paged_attention/abi.h"
#include "kernels/paged_attention/page.h"

namespace hewn {
namespace {

/// Element x as a whole number of `factor`s, the nearest.
int8_t whole(float x, float factor) {
  return factor > 0 ? static_cast<int8_t>(std::lrint(std::clamp(x / factor, -127.0f, 127.0f))) : int8_t{0};
}

/// put_row in float32: every layer of every token of a text.
void put_floats(const PageLayout& layout, char* head, bool value, int64_t t, const float* x) {
  const PlaceInPage first = place_of(layout, head, value, t, 0);
  auto* const to = reinterpret_cast<float*>(first.numbers) + first.at;
  const int64_t apart = value ? 1 : page_tokens;
  for (int64_t d = 0; d < layout.D; ++d) to[d * apart] = x[d];
}

/// Writes one row of D elements as the key or value of token t.
void put_row(const PageLayout& layout, char* head, bool value, int64_t t, const float* x) {
  if (layout.format == KvFormat::f32) return put_floats(layout, head, value, t, x);
  for (int64_t first = 0; first < layout.D; first += PageLayout::block) {
    const int64_t end = std::min(first + PageLayout::block, layout.D);
    float most = 0;
    if (layout.format == KvFormat::q8_0)
      for (int64_t d = first; d < end; ++d) most = std::max(most, std::fabs(x[d]));
    const float factor = most / 127;
    for (int64_t d = first; d < end; ++d) {
      const PlaceInPage p = place_of(layout, head, value, t, d);
      switch (layout.format) {
        case KvFormat::f32: break;
        case KvFormat::bf16: reinterpret_cast<BFloat16*>(p.numbers)[p.at] = BFloat16(x[d]); break;
        case KvFormat::q8_0:
          reinterpret_cast<int8_t*>(p.numbers)[p.at] = whole(x[d], factor);
          p.factors[p.at_factor] = factor;
      }
    }
  }
}

/// Head `kv` of sequence b.
void append_head(const AppendToPages& a, int64_t b, int64_t kv) {
  for (int64_t i = 0; i < a.T; ++i) {
    const int64_t t = a.pages.length[b] + i;
    char* const head = page_head(a.pages, a.base, b, t, kv);
    const auto row = [&](const Heads& x) {
      return static_cast<const float*>(x.data) + b * x.batch + kv * x.head + i * x.row;
    };
    put_row(a.pages.layout, head, false, t, row(a.k));
    put_row(a.pages.layout, head, true, t, row(a.v));
  }
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const AppendToPages& a) {
  for (int64_t b = 0; b < a.B; ++b)
    for (int64_t kv = 0; kv < a.pages.layout.Hkv; ++kv) append_head(a, b, kv);
}

template <>
void kernel<"threads">(const Launch& launch, const AppendToPages& a) {
  const int64_t Hkv = a.pages.layout.Hkv;
  parallel_for(launch, a.B * Hkv, [&](int64_t begin, int64_t end, int) {
    for (int64_t head = begin; head < end; ++head) append_head(a, head / Hkv, head % Hkv);
  });
}

}  // namespace hewn

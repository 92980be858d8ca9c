#pragma once
// One head of one page, element by element; shared by the plain kernels.

#include "core/dtype.h"
#include "kernels/paged_attention/abi.h"

namespace hewn {

/// Head `kv` of the page that holds token t of sequence b.
inline char* page_head(const PageTable& p, const void* base, int64_t b, int64_t t, int64_t kv) {
  const intptr_t place = reinterpret_cast<intptr_t>(base) + p.places[b * p.columns + t / page_tokens];
  return reinterpret_cast<char*>(place) + kv * p.layout.head_bytes();
}

/// The place of element d of token t's key or value: keys are [D][64], values [64][D].
struct PlaceInPage {
  char* numbers;
  int64_t at;  ///< index of the element
  float* factors;
  int64_t at_factor;
};
inline PlaceInPage place_of(const PageLayout& layout, char* head, bool value, int64_t t, int64_t d) {
  char* const numbers = head + (value ? layout.of_values() : 0);
  const int64_t token = t % page_tokens, blocks = layout.blocks(), in = d / PageLayout::block;
  return {numbers, value ? token * layout.D + d : d * page_tokens + token,
          reinterpret_cast<float*>(numbers + layout.numbers()),
          value ? token * blocks + in : in * page_tokens + token};
}

/// Element d of the key or value of token t.
inline float in_page(const PageLayout& layout, char* head, bool value, int64_t t, int64_t d) {
  const PlaceInPage p = place_of(layout, head, value, t, d);
  switch (layout.format) {
    case KvFormat::f32: return reinterpret_cast<const float*>(p.numbers)[p.at];
    case KvFormat::bf16: return static_cast<float>(reinterpret_cast<const BFloat16*>(p.numbers)[p.at]);
    case KvFormat::q8_0:
      return static_cast<float>(reinterpret_cast<const int8_t*>(p.numbers)[p.at]) * p.factors[p.at_factor];
  }
  return 0;
}

}  // namespace hewn

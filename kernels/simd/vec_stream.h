#pragma once
// Arrays too large for any cache. Data that is read arrives sooner if it is prefetched. An ordinary store
// first reads the line that it changes; for results too large to remain in a cache that is a third of all
// traffic, so non-temporal stores write them past the caches.

#include "kernels/contract/isa.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// Prefetches the data 8 KiB after p on processors that benefit. Hardware prefetchers stop at the end of a
/// page on some processors, and fall behind during a slow second pass over a row.
HEWN_INLINE void fetch_ahead(const float* p) {
  if constexpr (W * sizeof(float) == 64) {  // once for each line
    if (streams_are_fetched) __builtin_prefetch(p + 2048, 0, 2);
  }
}

/// The same on every processor: for loops that spend their time on exponentials, and for short rows of
/// several arrays that are read twice, whose pattern no hardware prefetcher recognises.
HEWN_INLINE void always_fetch_ahead(const float* p) {
  if constexpr (W * sizeof(float) == 64) __builtin_prefetch(p + 2048, 0, 2);
}

/// load(p, lanes), and fetch_ahead.
template <class Lanes>
HEWN_INLINE vf load_ahead(const float* p, Lanes lanes) {
  fetch_ahead(p);
  return load(p, lanes);
}

/// load(p, lanes), and always_fetch_ahead.
template <class Lanes>
HEWN_INLINE vf always_load_ahead(const float* p, Lanes lanes) {
  always_fetch_ahead(p);
  return load(p, lanes);
}

/// Non-temporal store of W floats to an address that is a multiple of their size.
HEWN_INLINE void store_past_caches(float* p, vf v) {
#if HEWN_VBYTES == 64
  _mm512_stream_ps(p, v);
#elif HEWN_VBYTES == 32
  _mm256_stream_ps(p, v);
#elif defined(__x86_64__)
  _mm_stream_ps(p, v);
#else
  store(p, v);
#endif
}

/// y[i] = value(i, lanes) for i from begin up to end, past the caches if whole vectors are aligned. Use it
/// for values computed from cached or prefetched data: incoming and outgoing lines compete for the same few
/// buffers.
template <class Value>
HEWN_INLINE void stream_lanes(float* y, int64_t begin, int64_t end, const Value& value) {
  const auto place = static_cast<int64_t>(reinterpret_cast<uintptr_t>(y + begin) / sizeof(float));
  const int64_t skew = (W - place % W) % W, first = begin + skew < end ? begin + skew : end;
  for_lanes(begin, first, [=](int64_t i, auto lanes) { store(y + i, value(i, lanes), lanes); });
  int64_t i = first;
  for (; i + W <= end; i += W) store_past_caches(y + i, value(i, AllLanes{}));
  for_lanes(i, end, [=](int64_t j, auto lanes) { store(y + j, value(j, lanes), lanes); });
}

/// Results of at least this many bytes are written past the caches, since a later reader would not find them
/// there anyway.
constexpr int64_t beyond_caches = int64_t{32} << 20;

/// How results are stored.
enum class To { set, add, past_caches };

/// The way to store n floats. Results that replace data just read (`in_place`) are cached and not written
/// past the caches.
HEWN_INLINE To way_for(Write how, int64_t n, bool in_place = false) {
  if (how == Write::add) return To::add;
  return n * static_cast<int64_t>(sizeof(float)) >= beyond_caches && !in_place ? To::past_caches : To::set;
}

/// y[i] (set, add, past caches) value(i, lanes) for i from begin up to end. Data that is added to is
/// prefetched, by fetch_ahead or always.
template <To to, bool always = false, class Value>
HEWN_INLINE void write_lanes(float* y, int64_t begin, int64_t end, const Value& value) {
  if constexpr (to == To::past_caches)
    stream_lanes(y, begin, end, value);
  else
    for_lanes(begin, end, [=](int64_t i, auto lanes) {
      if constexpr (to == To::add) always ? always_fetch_ahead(y + i) : fetch_ahead(y + i);
      write(y + i, value(i, lanes), to == To::add ? Write::add : Write::set, lanes);
    });
}

/// Selects one of three functions by `to`, such as instances of one template.
template <class F>
HEWN_INLINE F choose(To to, F set, F add, F past_caches) {
  return to == To::add ? add : to == To::set ? set : past_caches;
}

/// Orders this thread's non-temporal stores before its later stores; call it at the end of a work item.
HEWN_INLINE void finish_stream() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace
}  // namespace hewn

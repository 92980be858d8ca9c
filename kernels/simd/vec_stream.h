#pragma once
// Arrays that no cache holds. What is read comes sooner if it is asked for early. And an ordinary store first
// reads the line it changes, which for results too large to be found in a cache later is a third of all
// traffic: they are written past the caches.

#include "kernels/contract/isa.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

/// Asks for what will be read 8 KiB after p, where that helps. A processor asks by itself, but some no
/// farther than to the end of a page, and not far enough where a second walk along a row takes its time.
HEWN_INLINE void fetch_ahead(const float* p) {
  if constexpr (W * sizeof(float) == 64) {  // once for each line
    if (streams_are_fetched) __builtin_prefetch(p + 2048, 0, 2);
  }
}

/// The same on every processor: where exponentials leave time to ask, and where short rows of several arrays
/// are walked twice, which leaves none to guess right.
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

/// W floats to an address that is a multiple of their size.
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

/// y[i] = value(i, lanes) for i from begin up to end, past the caches where whole vectors are aligned. For
/// values of what is in a cache already or has been asked for early: lines on their way in and lines on their
/// way out compete for the same few buffers.
template <class Value>
HEWN_INLINE void stream_lanes(float* y, int64_t begin, int64_t end, const Value& value) {
  const auto place = static_cast<int64_t>(reinterpret_cast<uintptr_t>(y + begin) / sizeof(float));
  const int64_t skew = (W - place % W) % W, first = begin + skew < end ? begin + skew : end;
  for_lanes(begin, first, [=](int64_t i, auto lanes) { store(y + i, value(i, lanes), lanes); });
  int64_t i = first;
  for (; i + W <= end; i += W) store_past_caches(y + i, value(i, AllLanes{}));
  for_lanes(i, end, [=](int64_t j, auto lanes) { store(y + j, value(j, lanes), lanes); });
}

/// Results of so many bytes and more are written past the caches: whoever reads them would not find them
/// there.
constexpr int64_t beyond_caches = int64_t{32} << 20;

/// How results reach memory.
enum class To { set, add, past_caches };

/// For n floats. Not past the caches where they replace what was just read (`in_place`), and so is in a
/// cache.
HEWN_INLINE To way_for(Write how, int64_t n, bool in_place = false) {
  if (how == Write::add) return To::add;
  return n * static_cast<int64_t>(sizeof(float)) >= beyond_caches && !in_place ? To::past_caches : To::set;
}

/// y[i] (set, add, past caches) value(i, lanes) for i from begin up to end. What is added to is asked for
/// early: with fetch_ahead, or always.
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

/// The one of three functions for `to`, such as instances of one template.
template <class F>
HEWN_INLINE F choose(To to, F set, F add, F past_caches) {
  return to == To::add ? add : to == To::set ? set : past_caches;
}

/// Makes what this thread wrote past the caches visible before what it writes next: call it at the end of a
/// work item.
HEWN_INLINE void finish_stream() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

}  // namespace
}  // namespace hewn

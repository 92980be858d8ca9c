#pragma once
// Writing past the caches: an ordinary store first reads the line it changes, which for results too large to
// be found in a cache later is a third of all traffic.

#include "kernels/vec.h"

namespace hewn {
namespace {

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

/// y[i] = value(i, lanes) for i from begin up to end, past the caches where whole vectors are aligned.
template <class Value>
HEWN_INLINE void stream_lanes(float* y, int64_t begin, int64_t end, const Value& value) {
  const auto place = static_cast<int64_t>(reinterpret_cast<uintptr_t>(y + begin) / sizeof(float));
  const int64_t skew = (W - place % W) % W, first = begin + skew < end ? begin + skew : end;
  for_lanes(begin, first, [=](int64_t i, auto lanes) { store(y + i, value(i, lanes), lanes); });
  int64_t i = first;
  for (; i + W <= end; i += W) store_past_caches(y + i, value(i, AllLanes{}));
  for_lanes(i, end, [=](int64_t j, auto lanes) { store(y + j, value(j, lanes), lanes); });
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

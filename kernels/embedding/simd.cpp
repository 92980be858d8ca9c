#include "kernels/embedding/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

constexpr int64_t strip = 64;

int64_t id_at(DType dtype, const void* ids, int64_t i) {
  return dtype == DType::i64 ? static_cast<const int64_t*>(ids)[i] : static_cast<const int32_t*>(ids)[i];
}

/// to[0 .. n) (set or add) from[0 .. n)
void put_row(float* to, const float* from, int64_t n, Write how) {
  for_lanes(0, n, [&](int64_t i, auto lanes) { write(to + i, load(from + i, lanes), how, lanes); });
}

}  // namespace

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const EmbeddingForward& a) {
  const float* weight = static_cast<const float*>(a.weight);
  const float* position = static_cast<const float*>(a.position);
  float* y = static_cast<float*>(a.y);
  parallel_for(launch, a.n, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      put_row(y + i * a.width, weight + id_at(a.ids_dtype, a.ids, i) * a.width, a.width, Write::set);
      if (position) put_row(y + i * a.width, position + i % a.period * a.width, a.width, Write::add);
    }
  });
}

template <>
void kernel<"strips", Isa::HEWN_ISA>(const Launch& launch, const EmbeddingBackward& a) {
  const float* dy = static_cast<const float*>(a.dy);
  float* dweight = static_cast<float*>(a.dweight);
  if (a.to_dweight == Write::set) {
    parallel_elements(launch, a.vocabulary * a.width, [&](int64_t begin, int64_t end) {
      for_lanes(begin, end, [&](int64_t i, auto lanes) { store(dweight + i, vf{}, lanes); });
    });
  }
  parallel_for(launch, blocks_of(a.width, strip), [&](int64_t begin, int64_t end, int) {
    const int64_t first = begin * strip, n = (end * strip < a.width ? end * strip : a.width) - first;
    for (int64_t i = 0; i < a.n; ++i)
      put_row(dweight + id_at(a.ids_dtype, a.ids, i) * a.width + first, dy + i * a.width + first, n,
              Write::add);
  });
}

}  // namespace hewn

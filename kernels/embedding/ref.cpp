#include "kernels/contract/reference.h"
#include "kernels/embedding/abi.h"

namespace hewn {
namespace {

int64_t id_at(DType dtype, const void* ids, int64_t i) {
  return dtype == DType::i64 ? static_cast<const int64_t*>(ids)[i] : static_cast<const int32_t*>(ids)[i];
}

template <class T, class Y = T>
void forward(const EmbeddingForward& a) {
  for (int64_t i = 0; i < a.n; ++i)
    for (int64_t c = 0; c < a.width; ++c) {
      T v = static_cast<const T*>(a.weight)[id_at(a.ids_dtype, a.ids, i) * a.width + c];
      if (a.position) v += static_cast<const T*>(a.position)[i % a.period * a.width + c];
      static_cast<Y*>(a.y)[i * a.width + c] = static_cast<Y>(v);
    }
}

template <class T, class Y = T>
void backward(const Launch& launch, const EmbeddingBackward& a) {
  double* const sum = static_cast<double*>(launch.scratch);  // [width]
  for (int64_t v = 0; v < a.vocabulary; ++v) {
    T* const row = static_cast<T*>(a.dweight) + v * a.width;
    for (int64_t c = 0; c < a.width; ++c)
      sum[c] = a.to_dweight == Write::add ? static_cast<double>(row[c]) : 0;
    for (int64_t i = 0; i < a.n; ++i) {
      if (id_at(a.ids_dtype, a.ids, i) != v) continue;
      for (int64_t c = 0; c < a.width; ++c) sum[c] += to_double(static_cast<const Y*>(a.dy)[i * a.width + c]);
    }
    for (int64_t c = 0; c < a.width; ++c) row[c] = static_cast<T>(sum[c]);
  }
}

void widened_rows(const EmbeddingForward& a) {
  for (int64_t i = 0; i < a.n; ++i)
    for (int64_t c = 0; c < a.width; ++c)
      static_cast<float*>(a.y)[i * a.width + c] = static_cast<float>(
          static_cast<const BFloat16*>(a.weight)[id_at(a.ids_dtype, a.ids, i) * a.width + c]);
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const EmbeddingForward& a) {
  if (a.dtype == DType::bf16) return widened_rows(a);
  if (a.dtype == DType::f64) return forward<double>(a);
  a.y_dtype == DType::bf16 ? forward<float, BFloat16>(a) : forward<float>(a);
}

template <>
void kernel<"reference">(const Launch& launch, const EmbeddingBackward& a) {
  if (a.dtype == DType::f64) return backward<double>(launch, a);
  a.dy_dtype == DType::bf16 ? backward<float, BFloat16>(launch, a) : backward<float>(launch, a);
}

}  // namespace hewn

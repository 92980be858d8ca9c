#include "kernels/attention/abi.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention/plain.h"
#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

template <class T>
T dot(const T* a, const T* b, int64_t n) {
  T sum = 0;
  for (int64_t d = 0; d < n; ++d) sum += a[d] * b[d];
  return sum;
}

template <class T>
void add_scaled(T* sum, T factor, const T* x, int64_t n) {
  for (int64_t d = 0; d < n; ++d) sum[d] += factor * x[d];
}

/// Calls body(head, scratch of that head) for each of n heads, on all threads.
template <class T, class Body>
void for_heads(const Launch& launch, int64_t n, const Body& body) {
  const size_t share = launch.scratch_bytes / static_cast<size_t>(launch.threads) / sizeof(T);
  parallel_for(launch, n, [&](int64_t begin, int64_t end, int worker) {
    T* const scratch = static_cast<T*>(launch.scratch) + share * static_cast<size_t>(worker);
    for (int64_t head = begin; head < end; ++head) body(head, scratch);
  });
}

template <class T>
void forward(const Launch& launch, const AttentionForward& a) {
  for_heads<T>(launch, a.B * a.H, [&](int64_t bh, T* const p) {  // p[Tq][Tk]
    const auto q = head_of<T>(a, a.q, bh), k = kv_head<T>(a, a.k, kv_of(a, bh)),
               v = kv_head<T>(a, a.v, kv_of(a, bh));
    const auto y = head_of<T>(a, a.y, bh);
    for (int64_t i = 0; i < a.Tq; ++i)
      for (int64_t j = first_key(a, i); j < end_key(a, i); ++j)
        p[i * a.Tk + j] = static_cast<T>(a.scale) * dot(q[i], k[j], a.D);
    for (int64_t i = 0; i < a.Tq; ++i) {
      T* const row = p + i * a.Tk;
      const T most = *std::max_element(row + first_key(a, i), row + end_key(a, i));
      T sum = 0;
      for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) sum += row[j] = std::exp(row[j] - most);
      for (int64_t j = first_key(a, i); j < end_key(a, i); ++j)
        row[j] *= static_cast<T>(dropout_factor(a, bh, i, j)) / sum;
      static_cast<T*>(a.lse)[bh * a.Tq + i] = most + std::log(sum);
    }
    for (int64_t i = 0; i < a.Tq; ++i) {
      std::fill_n(y[i], a.D, T{0});
      for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) add_scaled(y[i], p[i * a.Tk + j], v[j], a.D);
    }
  });
}

/// Zeroes the gradients that are to be set, so that all later code can add.
template <class T>
void prepare(const Head<T>& x, int64_t rows, int64_t D, Write write) {
  if (write == Write::add) return;
  for (int64_t t = 0; t < rows; ++t) std::fill_n(x[t], D, T{0});
}

/// One query head: first p and ds [Tq][Tk], then its dq and its shares of dk and dv.
template <class T>
void backward_head(const AttentionBackward& a, int64_t bh, const Head<T>& dk, const Head<T>& dv, T* p,
                   T* ds) {
  const auto q = head_of<T>(a, a.q, bh), k = kv_head<T>(a, a.k, kv_of(a, bh)),
             v = kv_head<T>(a, a.v, kv_of(a, bh));
  const auto y = head_of<T>(a, a.y, bh), dy = head_of<T>(a, a.dy, bh);
  const auto dq = head_of<T>(a, a.dq, bh);
  const T* const lse = static_cast<const T*>(a.lse) + bh * a.Tq;
  const T scale = static_cast<T>(a.scale);
  for (int64_t i = 0; i < a.Tq; ++i) {
    const T delta = dot(dy[i], y[i], a.D);
    for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) {
      const T probability = std::exp(scale * dot(q[i], k[j], a.D) - lse[i]);
      const T keep = static_cast<T>(dropout_factor(a, bh, i, j));
      p[i * a.Tk + j] = keep * probability;
      ds[i * a.Tk + j] = scale * probability * (keep * dot(dy[i], v[j], a.D) - delta);
    }
  }
  prepare(dq, a.Tq, a.D, a.to_dq);
  for (int64_t i = 0; i < a.Tq; ++i) {
    for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) {
      add_scaled(dq[i], ds[i * a.Tk + j], k[j], a.D);
      add_scaled(dk[j], ds[i * a.Tk + j], q[i], a.D);
      add_scaled(dv[j], p[i * a.Tk + j], dy[i], a.D);
    }
  }
}

template <class T>
void backward(const Launch& launch, const AttentionBackward& a) {
  const int64_t group = a.H / a.Hkv;
  for_heads<T>(launch, a.B * a.Hkv, [&](int64_t kv, T* const scratch) {
    const auto dk = kv_head<T>(a, a.dk, kv), dv = kv_head<T>(a, a.dv, kv);
    prepare(dk, a.Tk, a.D, a.to_dk);
    prepare(dv, a.Tk, a.D, a.to_dv);
    for (int64_t bh = kv * group; bh < (kv + 1) * group; ++bh)
      backward_head(a, bh, dk, dv, scratch, scratch + a.Tq * a.Tk);
  });
}

}  // namespace

// The formula as written: all scores of a head, then all of its probabilities, then all sums. It is easy to
// check against the paper, but T x T numbers per head travel to memory and back between the steps.
template <>
void kernel<"naive">(const Launch& launch, const AttentionForward& a) {
  a.dtype == DType::f64 ? forward<double>(launch, a) : forward<float>(launch, a);
}

template <>
void kernel<"naive">(const Launch& launch, const AttentionBackward& a) {
  a.dtype == DType::f64 ? backward<double>(launch, a) : backward<float>(launch, a);
}

}  // namespace hewn

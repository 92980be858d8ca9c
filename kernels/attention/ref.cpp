#include "kernels/attention/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/attention/plain.h"

namespace hewn {
namespace {

/// Conversion of an element to double and back; bf16 goes through float.
template <class E>
double widened(E x) {
  if constexpr (std::is_same_v<E, BFloat16>)
    return static_cast<double>(static_cast<float>(x));
  else
    return static_cast<double>(x);
}
template <class E>
E narrowed(double x) {
  if constexpr (std::is_same_v<E, BFloat16>)
    return BFloat16(static_cast<float>(x));
  else
    return static_cast<E>(x);
}

template <class E>
double double_dot(const E* a, const E* b, int64_t n) {
  double sum = 0;
  for (int64_t d = 0; d < n; ++d) sum += widened(a[d]) * widened(b[d]);
  return sum;
}

/// sum[d] += factor * x[d]
template <class E>
void add_scaled_double(double* sum, double factor, const E* x, int64_t n) {
  for (int64_t d = 0; d < n; ++d) sum[d] += factor * widened(x[d]);
}

template <class E>
void write(E* to, const double* from, int64_t n, Write how) {
  for (int64_t d = 0; d < n; ++d) to[d] = narrowed<E>(how == Write::add ? widened(to[d]) + from[d] : from[d]);
}

/// E: type of the elements; L: type of lse.
template <class E, class L>
void forward_reference(const Launch& launch, const AttentionForward& a) {
  double* const score = static_cast<double*>(launch.scratch);  // [Tk]
  double* const sum = score + a.Tk;                            // [D]
  for (int64_t bh = 0; bh < a.B * a.H; ++bh) {
    const auto q = head_of<E>(a, a.q, bh), k = kv_head<E>(a, a.k, kv_of(a, bh)),
               v = kv_head<E>(a, a.v, kv_of(a, bh));
    const auto y = head_of<E>(a, a.y, bh);
    for (int64_t i = 0; i < a.Tq; ++i) {
      double most = -std::numeric_limits<double>::infinity(), total = 0;
      for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) {
        score[j] = a.scale * double_dot(q[i], k[j], a.D);
        most = std::fmax(most, score[j]);
      }
      for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) total += std::exp(score[j] - most);
      std::fill_n(sum, a.D, 0.0);
      for (int64_t j = first_key(a, i); j < end_key(a, i); ++j)
        add_scaled_double(sum, dropout_factor(a, bh, i, j) * std::exp(score[j] - most) / total, v[j], a.D);
      write(y[i], sum, a.D, Write::set);
      static_cast<L*>(a.lse)[bh * a.Tq + i] = static_cast<L>(most + std::log(total));
    }
  }
}

/// One query head: its dq, and its shares of dk and dv [Tk, D].
template <class E, class L>
void backward_head(const AttentionBackward& a, int64_t bh, double* dq, double* dk, double* dv) {
  const auto q = head_of<E>(a, a.q, bh), k = kv_head<E>(a, a.k, kv_of(a, bh)),
             v = kv_head<E>(a, a.v, kv_of(a, bh));
  const auto y = head_of<E>(a, a.y, bh), dy = head_of<E>(a, a.dy, bh);
  for (int64_t i = 0; i < a.Tq; ++i) {
    const auto lse = static_cast<double>(static_cast<const L*>(a.lse)[bh * a.Tq + i]);
    const double delta = double_dot(dy[i], y[i], a.D);
    std::fill_n(dq, a.D, 0.0);
    for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) {
      const double p = std::exp(a.scale * double_dot(q[i], k[j], a.D) - lse);
      const double keep = dropout_factor(a, bh, i, j);
      const double ds = p * (keep * double_dot(dy[i], v[j], a.D) - delta);
      add_scaled_double(dv + j * a.D, keep * p, dy[i], a.D);
      add_scaled_double(dk + j * a.D, a.scale * ds, q[i], a.D);
      add_scaled_double(dq, a.scale * ds, k[j], a.D);
    }
    write(head_of<E>(a, a.dq, bh)[i], dq, a.D, a.to_dq);
  }
}

template <class E, class L>
void backward_reference(const Launch& launch, const AttentionBackward& a) {
  double* const dq = static_cast<double*>(launch.scratch);  // [D]
  double* const dk = dq + a.D;                              // [Tk, D]
  double* const dv = dk + a.Tk * a.D;                       // [Tk, D]
  const int64_t group = a.H / a.Hkv;
  for (int64_t kv = 0; kv < a.B * a.Hkv; ++kv) {
    std::fill_n(dk, 2 * a.Tk * a.D, 0.0);
    for (int64_t bh = kv * group; bh < (kv + 1) * group; ++bh) backward_head<E, L>(a, bh, dq, dk, dv);
    for (int64_t j = 0; j < a.Tk; ++j) {
      write(kv_head<E>(a, a.dk, kv)[j], dk + j * a.D, a.D, a.to_dk);
      write(kv_head<E>(a, a.dv, kv)[j], dv + j * a.D, a.D, a.to_dv);
    }
  }
}

}  // namespace

void attention_reference(const Launch& launch, const AttentionForward& a) {
  a.dtype == DType::f64    ? forward_reference<double, double>(launch, a)
  : a.dtype == DType::bf16 ? forward_reference<BFloat16, float>(launch, a)
                           : forward_reference<float, float>(launch, a);
}

void attention_reference(const Launch& launch, const AttentionBackward& a) {
  a.dtype == DType::f64    ? backward_reference<double, double>(launch, a)
  : a.dtype == DType::bf16 ? backward_reference<BFloat16, float>(launch, a)
                           : backward_reference<float, float>(launch, a);
}

size_t attention_reference_scratch(const AttentionForward& a, int) {
  return static_cast<size_t>(a.Tk + a.D) * sizeof(double);
}

size_t attention_reference_scratch(const AttentionBackward& a, int) {
  return static_cast<size_t>((2 * a.Tk + 1) * a.D) * sizeof(double);
}

}  // namespace hewn

#include "kernels/attention/abi.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/attention/plain.h"
#include "kernels/contract/reference.h"

namespace hewn {
namespace {

template <class E>
double double_dot(const E* a, const E* b, int64_t n) {
  double sum = 0;
  for (int64_t d = 0; d < n; ++d) sum += to_double(a[d]) * to_double(b[d]);
  return sum;
}

/// sum[d] += factor * x[d]
template <class E>
void add_scaled_double(double* sum, double factor, const E* x, int64_t n) {
  for (int64_t d = 0; d < n; ++d) sum[d] += factor * to_double(x[d]);
}

template <class E>
void write(E* to, const double* from, int64_t n, Write how) {
  for (int64_t d = 0; d < n; ++d)
    to[d] = from_double<E>(how == Write::add ? to_double(to[d]) + from[d] : from[d]);
}

/// y and lse of query i of head bh. E: type of the elements; L: type of lse. Scratch: [Tk + D].
template <class E, class L>
void attend(const Launch& launch, const AttentionForward& a, int64_t bh, int64_t i) {
  double* const score = static_cast<double*>(launch.scratch);  // [Tk]
  double* const sum = score + a.Tk;                            // [D]
  const auto k = kv_head<E>(a, a.k, kv_of(a, bh)), v = kv_head<E>(a, a.v, kv_of(a, bh));
  double most = -std::numeric_limits<double>::infinity(), total = 0;
  for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) {
    score[j] = a.scale * double_dot(head_of<E>(a, a.q, bh)[i], k[j], a.D);
    most = std::fmax(most, score[j]);
  }
  for (int64_t j = first_key(a, i); j < end_key(a, i); ++j) total += std::exp(score[j] - most);
  std::fill_n(sum, a.D, 0.0);
  for (int64_t j = first_key(a, i); j < end_key(a, i); ++j)
    add_scaled_double(sum, dropout_factor(a, bh, i, j) * std::exp(score[j] - most) / total, v[j], a.D);
  write(head_of<E>(a, a.y, bh)[i], sum, a.D, Write::set);
  static_cast<L*>(a.lse)[bh * a.Tq + i] = static_cast<L>(most + std::log(total));
}

/// What a query and a key contribute to the gradients.
struct PairGradients {
  double kept;   ///< d_ij p_ij
  double score;  ///< scale ds_ij
};

/// Query i of head bh, and key j.
template <class E, class L>
PairGradients pair_gradients(const AttentionBackward& a, int64_t bh, int64_t i, int64_t j) {
  const E *q = head_of<E>(a, a.q, bh)[i], *dy = head_of<E>(a, a.dy, bh)[i];
  const E* y = head_of<E>(a, a.y, bh)[i];
  const E *k = kv_head<E>(a, a.k, kv_of(a, bh))[j], *v = kv_head<E>(a, a.v, kv_of(a, bh))[j];
  const auto lse = static_cast<double>(static_cast<const L*>(a.lse)[bh * a.Tq + i]);
  const double p = std::exp(a.scale * double_dot(q, k, a.D) - lse), keep = dropout_factor(a, bh, i, j);
  double kept_dp = 0;  // d_ij dy_i . v_j - dy_i . y_i
  for (int64_t d = 0; d < a.D; ++d) kept_dp += to_double(dy[d]) * (keep * to_double(v[d]) - to_double(y[d]));
  return {keep * p, a.scale * p * kept_dp};
}

/// dq of query i of head bh. Scratch: [D].
template <class E, class L>
void query_gradient(const Launch& launch, const AttentionBackward& a, int64_t bh, int64_t i) {
  double* const dq = static_cast<double*>(launch.scratch);
  std::fill_n(dq, a.D, 0.0);
  const auto k = kv_head<E>(a, a.k, kv_of(a, bh));
  for (int64_t j = first_key(a, i); j < end_key(a, i); ++j)
    add_scaled_double(dq, pair_gradients<E, L>(a, bh, i, j).score, k[j], a.D);
  write(head_of<E>(a, a.dq, bh)[i], dq, a.D, a.to_dq);
}

/// dk and dv of key j of key head kv. Scratch: [2, D].
template <class E, class L>
void key_gradients(const Launch& launch, const AttentionBackward& a, int64_t kv, int64_t j) {
  double *const dk = static_cast<double*>(launch.scratch), *const dv = dk + a.D;
  std::fill_n(dk, 2 * a.D, 0.0);
  const int64_t group = a.H / a.Hkv;
  for (int64_t bh = kv * group; bh < (kv + 1) * group; ++bh)
    for (int64_t i = first_query(a, j); i < end_query(a, j); ++i) {
      const PairGradients pair = pair_gradients<E, L>(a, bh, i, j);
      add_scaled_double(dk, pair.score, head_of<E>(a, a.q, bh)[i], a.D);
      add_scaled_double(dv, pair.kept, head_of<E>(a, a.dy, bh)[i], a.D);
    }
  write(kv_head<E>(a, a.dk, kv)[j], dk, a.D, a.to_dk);
  write(kv_head<E>(a, a.dv, kv)[j], dv, a.D, a.to_dv);
}

/// Calls f with an element of q and one of lse.
template <class F>
void with_elements(DType t, const F& f) {
  t == DType::f64 ? f(double{}, double{}) : t == DType::bf16 ? f(BFloat16{}, float{}) : f(float{}, float{});
}

}  // namespace

template <>
void kernel<"reference">(const Launch& launch, const AttentionForward& a) {
  for (int64_t row = 0; row < a.B * a.H * a.Tq; ++row) attention_reference_query(launch, a, row);
}

void attention_reference_query(const Launch& launch, const AttentionForward& a, int64_t row) {
  with_elements(a.dtype, [&]<class E, class L>(E, L) { attend<E, L>(launch, a, row / a.Tq, row % a.Tq); });
}

template <>
void kernel<"reference">(const Launch& launch, const AttentionBackward& a) {
  for (int64_t row = 0; row < a.B * a.H * a.Tq; ++row) attention_reference_query(launch, a, row);
  for (int64_t row = 0; row < a.B * a.Hkv * a.Tk; ++row) attention_reference_key(launch, a, row);
}

void attention_reference_query(const Launch& launch, const AttentionBackward& a, int64_t row) {
  with_elements(a.dtype,
                [&]<class E, class L>(E, L) { query_gradient<E, L>(launch, a, row / a.Tq, row % a.Tq); });
}

void attention_reference_key(const Launch& launch, const AttentionBackward& a, int64_t row) {
  with_elements(a.dtype,
                [&]<class E, class L>(E, L) { key_gradients<E, L>(launch, a, row / a.Tk, row % a.Tk); });
}

}  // namespace hewn

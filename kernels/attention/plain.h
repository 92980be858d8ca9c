#pragma once
// Shared by the plain rungs: the location of a row, and which probabilities dropout keeps.

#include <algorithm>

#include "kernels/attention/abi.h"
#include "kernels/dropout/abi.h"

namespace hewn {

/// One head of an operand.
template <class T>
struct Head {
  T* data;
  int64_t row;
  T* operator[](int64_t t) const { return data + t * row; }
};

/// Head number `head` of an operand with `heads` of them in each sequence.
template <class T>
Head<const T> head_at(const Heads& x, int64_t heads, int64_t head) {
  return {static_cast<const T*>(x.data) + head / heads * x.batch + head % heads * x.head, x.row};
}
template <class T>
Head<T> head_at(const HeadsOut& x, int64_t heads, int64_t head) {
  return {static_cast<T*>(x.data) + head / heads * x.batch + head % heads * x.head, x.row};
}

/// Head `bh` of the B * H query heads of the queries, or of an operand of the same shape.
template <class T, class X>
auto head_of(const AttentionSizes& a, const X& x, int64_t bh) {
  return head_at<T>(x, a.H, bh);
}

/// The index of the head, of the B * Hkv heads of keys and values, that query head `bh` reads.
inline int64_t kv_of(const AttentionSizes& a, int64_t bh) { return bh / (a.H / a.Hkv); }

/// Head `kv` of the B * Hkv heads of keys or values.
template <class T, class X>
auto kv_head(const AttentionSizes& a, const X& x, int64_t kv) {
  return head_at<T>(x, a.Hkv, kv);
}

/// Query i attends to keys [first_key, end_key).
inline int64_t end_key(const AttentionSizes& a, int64_t i) { return a.Tk - a.Tq + i + 1; }
inline int64_t first_key(const AttentionSizes& a, int64_t i) {
  return std::max<int64_t>(0, end_key(a, i) - a.window);
}

/// Key j is attended to by queries [first_query, end_query).
inline int64_t first_query(const AttentionSizes& a, int64_t j) {
  return std::max<int64_t>(0, j - (a.Tk - a.Tq));
}
inline int64_t end_query(const AttentionSizes& a, int64_t j) {
  return std::min(a.Tq, j - (a.Tk - a.Tq) + std::min(a.window, a.Tk));
}

/// The dropout room's mask over [B, H, Tq, Tk].
inline Dropout mask_of(const AttentionSizes& a) {
  return {a.dtype, a.B * a.H * a.Tq * a.Tk, a.dropout, a.site, a.state, nullptr, nullptr, Write::set};
}

/// The dropout factor of probability (i, j) of head bh: 0 or 1 / (1 - dropout).
inline double dropout_factor(const AttentionSizes& a, int64_t bh, int64_t i, int64_t j) {
  if (a.dropout <= 0) return 1;
  return dropout_keeps(mask_of(a), (bh * a.Tq + i) * a.Tk + j) ? 1 / (1 - a.dropout) : 0;
}

/// Parts of the reference: y and lse, or dq, of one row of [B, H, Tq]; dk and dv of one row of [B, Hkv, Tk].
void attention_reference_query(const Launch&, const AttentionForward& a, int64_t row);
void attention_reference_query(const Launch&, const AttentionBackward& a, int64_t row);
void attention_reference_key(const Launch&, const AttentionBackward& a, int64_t row);

}  // namespace hewn

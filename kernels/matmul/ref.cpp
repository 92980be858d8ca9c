#include "kernels/matmul/abi.h"

#include "kernels/activation/abi.h"
#include "kernels/contract/reference.h"

namespace hewn {
namespace {

template <class T>
struct Matrix {
  T* data;
  int64_t row, col;  ///< strides
  T& at(int64_t i, int64_t j) const { return data[i * row + j * col]; }
};

/// Operands of type T, a result of type C, sums and a bias of type E.
template <class T, class C, class E>
void multiply(const Matmul& m, Matrix<const T> a, Matrix<const T> b, Matrix<C> c, int64_t c_offset) {
  const auto* bias = static_cast<const E*>(m.epilogue.bias);
  const auto* slope_at = static_cast<const C*>(m.epilogue.slope_at);
  const auto* residual = static_cast<const C*>(m.epilogue.residual);
  auto* pre = static_cast<C*>(m.epilogue.pre);
  for (int64_t i = 0; i < m.M; ++i) {
    for (int64_t j = 0; j < m.N; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < m.K; ++k) sum += to_double(a.at(i, k)) * to_double(b.at(k, j));
      double y = m.alpha * sum;
      if (m.to_c == Write::add) {
        y += to_double(c.at(i, j));
      } else {
        if (bias) y += static_cast<double>(bias[j]);
        const int64_t at = c_offset + i * c.row + j;
        if (pre) pre[at] = static_cast<C>(static_cast<E>(y));
        y = slope_at ? y * activation_slope(m.epilogue.activation, to_double(slope_at[at]))
                     : activation_value(m.epilogue.activation, y);
        if (residual) y += to_double(residual[at]);
      }
      c.at(i, j) = static_cast<C>(static_cast<E>(y));
    }
  }
}

template <class T, class E>
void sum_columns(const Matmul& m, Matrix<const T> b) {
  for (int64_t j = 0; j < m.N; ++j) {
    double sum = 0;
    for (int64_t k = 0; k < m.K; ++k) sum += to_double(b.at(k, j));
    put<E>(m.b_sums, j, sum, m.to_b_sums);
  }
}

template <class T, class C = T, class E = T>
void batch(const Matmul& m) {
  if (m.b_sums)
    sum_columns<T, E>(m, {static_cast<const T*>(m.b), m.trans_b ? 1 : m.ldb, m.trans_b ? m.ldb : 1});
  for (int64_t o = 0; o < m.outer; ++o) {
    for (int64_t i = 0; i < m.inner; ++i) {
      const auto offset = [&](MatmulStep step) { return o * step.outer + i * step.inner; };
      multiply<T, C, E>(
          m, {static_cast<const T*>(m.a) + offset(m.a_step), m.trans_a ? 1 : m.lda, m.trans_a ? m.lda : 1},
          {static_cast<const T*>(m.b) + offset(m.b_step), m.trans_b ? 1 : m.ldb, m.trans_b ? m.ldb : 1},
          {static_cast<C*>(m.c) + offset(m.c_step), m.ldc, 1}, offset(m.c_step));
    }
  }
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const Matmul& a) {
  switch (a.dtype) {
    case DType::f64: return batch<double>(a);
    case DType::bf16:
      return a.bf16_c ? batch<BFloat16, BFloat16, float>(a) : batch<BFloat16, float, float>(a);
    default: return batch<float>(a);
  }
}

}  // namespace hewn

#include "kernels/matmul/kernels.h"

#include "kernels/activation/kernels.h"

namespace hewn {
namespace {

template <class T>
struct Matrix {
  T* data;
  int64_t row, col;  ///< strides
  T& at(int64_t i, int64_t j) const { return data[i * row + j * col]; }
};

double to_double(double x) { return x; }
double to_double(float x) { return static_cast<double>(x); }
double to_double(BFloat16 x) { return static_cast<double>(static_cast<float>(x)); }

/// Operands of type T, a result of type C, an epilogue with operands of type E.
template <class T, class C, class E>
void multiply(const Matmul& m, Matrix<const T> a, Matrix<const T> b, Matrix<C> c, int64_t c_offset) {
  const auto* bias = static_cast<const E*>(m.epilogue.bias);
  const auto* residual = static_cast<const E*>(m.epilogue.residual);
  auto* pre = static_cast<E*>(m.epilogue.pre);
  for (int64_t i = 0; i < m.M; ++i) {
    for (int64_t j = 0; j < m.N; ++j) {
      double sum = 0;
      for (int64_t k = 0; k < m.K; ++k) sum += to_double(a.at(i, k)) * to_double(b.at(k, j));
      double y = m.alpha * sum;
      if (m.to_c == Write::add) {
        y += to_double(c.at(i, j));
      } else {
        if (bias) y += static_cast<double>(bias[j]);
        if (pre) pre[c_offset + i * c.row + j] = static_cast<E>(y);
        y = activation_value(m.epilogue.activation, y);
        if (residual) y += static_cast<double>(residual[c_offset + i * c.row + j]);
      }
      c.at(i, j) = static_cast<C>(static_cast<E>(y));
    }
  }
}

template <class T, class C = T, class E = T>
void batch(const Matmul& m) {
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

void matmul_reference(const Launch&, const Matmul& a) {
  switch (a.dtype) {
    case DType::f64: return batch<double>(a);
    case DType::bf16:
      return a.bf16_c ? batch<BFloat16, BFloat16, float>(a) : batch<BFloat16, float, float>(a);
    default: return batch<float>(a);
  }
}

}  // namespace hewn

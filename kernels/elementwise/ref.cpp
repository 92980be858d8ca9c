#include "kernels/elementwise/abi.h"

#include <cmath>

#include "kernels/contract/reference.h"

namespace hewn {
namespace {

double value(UnaryOp op, double x, double c) {
  switch (op) {
    case UnaryOp::scale: return c * x;
    case UnaryOp::add_scalar: return c + x;
    case UnaryOp::exp: return std::exp(x);
    case UnaryOp::log: return std::log(x);
    case UnaryOp::sqrt: return std::sqrt(x);
    case UnaryOp::tanh: return std::tanh(x);
    case UnaryOp::sigmoid: return 1 / (1 + std::exp(-x));
  }
  return 0;
}

/// The derivative, from y (for log from x).
double slope(UnaryOp op, double kept) {
  switch (op) {
    case UnaryOp::exp: return kept;
    case UnaryOp::log: return 1 / kept;
    case UnaryOp::sqrt: return 0.5 / kept;
    case UnaryOp::tanh: return 1 - kept * kept;
    case UnaryOp::sigmoid: return kept * (1 - kept);
    case UnaryOp::scale:
    case UnaryOp::add_scalar: break;
  }
  return 1;
}

double value(BinaryOp op, double a, double b) {
  switch (op) {
    case BinaryOp::add: return a + b;
    case BinaryOp::sub: return a - b;
    case BinaryOp::mul: return a * b;
    case BinaryOp::div: return a / b;
  }
  return 0;
}

/// Dimension d and the inner ones, starting at these elements.
template <class T, class B>
void nested(const Binary& args, int d, const T* a, const B* b, T*& y) {
  if (d == args.rank) {
    put(*y++, value(args.op, to_double(*a), to_double(*b)), args.to_y);
    return;
  }
  for (int64_t i = 0; i < args.shape[d]; ++i)
    nested(args, d + 1, a + i * args.a_stride[d], b + i * args.b_stride[d], y);
}

template <class T, class B = T>
void binary(const Binary& a) {
  T* y = static_cast<T*>(a.y);
  nested(a, 0, static_cast<const T*>(a.a), static_cast<const B*>(a.b), y);
}

}  // namespace

template <>
void kernel<"reference">(const Launch&, const UnaryForward& a) {
  with_float(a.dtype, [&]<class T>(T) {
    for (int64_t i = 0; i < a.n; ++i)
      put(static_cast<T*>(a.y)[i], value(a.op, to_double(static_cast<const T*>(a.x)[i]), a.c), a.to_y);
  });
}

template <>
void kernel<"reference">(const Launch&, const UnaryBackward& a) {
  with_float(a.dtype, [&]<class T>(T) {
    for (int64_t i = 0; i < a.n; ++i) {
      const double dy = to_double(static_cast<const T*>(a.dy)[i]);
      put(static_cast<T*>(a.dx)[i], dy * slope(a.op, to_double(static_cast<const T*>(a.kept)[i])), a.to_dx);
    }
  });
}

template <>
void kernel<"reference">(const Launch&, const Binary& a) {
  if (a.dtype == DType::bf16 && a.b_dtype == DType::f32) return binary<BFloat16, float>(a);
  with_float(a.dtype, [&]<class T>(T) { binary<T>(a); });
}

}  // namespace hewn

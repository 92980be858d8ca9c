#include "kernels/elementwise/abi.h"

#include <algorithm>
#include <cmath>

#include "kernels/gpu/tiles/elements.cuh"

namespace hewn {
namespace {

/// T is the type to compute with, E that of elements.
template <UnaryOp op, class T>
struct Value {
  T c;
  template <class E>
  __device__ T operator()(E element) const {
    const T x = number(element);
    if constexpr (op == UnaryOp::scale) return c * x;
    if constexpr (op == UnaryOp::add_scalar) return c + x;
    if constexpr (op == UnaryOp::exp) return std::exp(x);
    if constexpr (op == UnaryOp::log) return std::log(x);
    if constexpr (op == UnaryOp::sqrt) return std::sqrt(x);
    if constexpr (op == UnaryOp::tanh) return std::tanh(x);
    if constexpr (op == UnaryOp::sigmoid) return 1 / (1 + std::exp(-x));
  }
};

/// The derivative, from y (for log from x), times dy.
template <UnaryOp op, class T>
struct Slope {
  template <class E>
  __device__ T operator()(E kept_element, E dy_element) const {
    const T kept = number(kept_element), dy = number(dy_element);
    if constexpr (op == UnaryOp::exp) return dy * kept;
    if constexpr (op == UnaryOp::log) return dy / kept;
    if constexpr (op == UnaryOp::sqrt) return dy * (T{0.5} / kept);
    if constexpr (op == UnaryOp::tanh) return dy * ((1 - kept) * (1 + kept));
    if constexpr (op == UnaryOp::sigmoid) return dy * (kept * (1 - kept));
  }
};

template <BinaryOp op>
struct Combine {
  template <class A, class B>
  __device__ auto operator()(A left, B right) const {
    const auto a = number(left), b = number(right);
    if constexpr (op == BinaryOp::add) return a + b;
    if constexpr (op == BinaryOp::sub) return a - b;
    if constexpr (op == BinaryOp::mul) return a * b;
    if constexpr (op == BinaryOp::div) return a / b;
  }
};

template <UnaryOp op, class T>
void forward(const Launch& on, const UnaryForward& a) {
  map(on, "unary_forward", a.n, static_cast<T*>(a.y), a.to_y,
      Value<op, Number<T>>{static_cast<Number<T>>(a.c)}, static_cast<const T*>(a.x));
}

template <UnaryOp op, class T>
void backward(const Launch& on, const UnaryBackward& a) {
  map(on, "unary_backward", a.n, static_cast<T*>(a.dx), a.to_dx, Slope<op, Number<T>>{},
      static_cast<const T*>(a.kept), static_cast<const T*>(a.dy));
}

constexpr int threads = 256;

/// One element per thread; I is the index type, 32 bits where these suffice, because
/// divisions are cheaper then.
template <class I, class T, class B, class F>
__global__ void __launch_bounds__(threads, blocks_with(threads, 48)) binary_stretched(I n, Binary args, F f) {
  const I step = static_cast<I>(gridDim.x) * threads;
  for (I i = static_cast<I>(blockIdx.x) * threads + static_cast<I>(threadIdx.x); i < n; i += step) {
    I rest = i;
    int64_t at_a = 0, at_b = 0;
    for (int d = args.rank - 1; d >= 0; --d) {
      const I size = static_cast<I>(args.shape[d]), index = rest % size;
      at_a += index * args.a_stride[d];
      at_b += index * args.b_stride[d];
      rest /= size;
    }
    write(static_cast<T*>(args.y) + i,
          f(static_cast<const T*>(args.a)[at_a], static_cast<const B*>(args.b)[at_b]), args.to_y);
  }
}

/// `Combine` with a single number as right operand, which is read from device memory.
template <BinaryOp op, class B>
struct CombineWith {
  const B* b;
  template <class A>
  __device__ auto operator()(A a) const {
    return Combine<op>()(a, *b);
  }
};

/// Whether an operand with these strides has the layout of y.
bool whole(const Binary& a, const int64_t (&stride)[max_dims]) {
  int64_t expected = 1;
  for (int d = a.rank - 1; d >= 0; expected *= a.shape[d--])
    if (a.shape[d] != 1 && stride[d] != expected) return false;
  return true;
}

template <BinaryOp op, class T, class B = T>
void binary(const Launch& on, const Binary& a) {
  int64_t n = 1;
  for (int d = 0; d < a.rank; ++d) n *= a.shape[d];
  if (whole(a, a.a_stride) && whole(a, a.b_stride))
    return map(on, "binary", n, static_cast<T*>(a.y), a.to_y, Combine<op>{}, static_cast<const T*>(a.a),
               static_cast<const B*>(a.b));
  if (whole(a, a.a_stride) && std::all_of(a.b_stride, a.b_stride + a.rank, [](int64_t s) { return s == 0; }))
    return map(on, "binary_with_number", n, static_cast<T*>(a.y), a.to_y,
               CombineWith<op, B>{static_cast<const B*>(a.b)}, static_cast<const T*>(a.a));
  const Grid grid{blocks_for(n, threads), threads};
  if (n <= 0x7fffffff)
    launch(on, "binary_stretched", grid, binary_stretched<uint32_t, T, B, Combine<op>>,
           static_cast<uint32_t>(n), a, Combine<op>{});
  else
    launch(on, "binary_stretched", grid, binary_stretched<int64_t, T, B, Combine<op>>, n, a, Combine<op>{});
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const UnaryForward& a) {
  const auto run = [&]<UnaryOp op>() { with_element(a.dtype, [&]<class T>(T) { forward<op, T>(on, a); }); };
  switch (a.op) {
    case UnaryOp::scale: return run.operator()<UnaryOp::scale>();
    case UnaryOp::add_scalar: return run.operator()<UnaryOp::add_scalar>();
    case UnaryOp::exp: return run.operator()<UnaryOp::exp>();
    case UnaryOp::log: return run.operator()<UnaryOp::log>();
    case UnaryOp::sqrt: return run.operator()<UnaryOp::sqrt>();
    case UnaryOp::tanh: return run.operator()<UnaryOp::tanh>();
    case UnaryOp::sigmoid: return run.operator()<UnaryOp::sigmoid>();
  }
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const UnaryBackward& a) {
  const auto run = [&]<UnaryOp op>() { with_element(a.dtype, [&]<class T>(T) { backward<op, T>(on, a); }); };
  switch (a.op) {
    case UnaryOp::exp: return run.operator()<UnaryOp::exp>();
    case UnaryOp::log: return run.operator()<UnaryOp::log>();
    case UnaryOp::sqrt: return run.operator()<UnaryOp::sqrt>();
    case UnaryOp::tanh: return run.operator()<UnaryOp::tanh>();
    case UnaryOp::sigmoid: return run.operator()<UnaryOp::sigmoid>();
    case UnaryOp::scale:
    case UnaryOp::add_scalar: return;  // use no slope (abi.h)
  }
}

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const Binary& a) {
  const auto run = [&]<BinaryOp op>() {
    if (a.dtype == DType::bf16 && a.b_dtype == DType::f32) return binary<op, bf16, float>(on, a);
    with_element(a.dtype, [&]<class T>(T) { binary<op, T>(on, a); });
  };
  switch (a.op) {
    case BinaryOp::add: return run.operator()<BinaryOp::add>();
    case BinaryOp::sub: return run.operator()<BinaryOp::sub>();
    case BinaryOp::mul: return run.operator()<BinaryOp::mul>();
    case BinaryOp::div: return run.operator()<BinaryOp::div>();
  }
}

}  // namespace hewn

#include "kernels/activation/kernels.h"

#include "kernels/activation/curves.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

template <class Curve, To to>
void values(const float* x, float* y, int64_t begin, int64_t end) {
  write_lanes<to>(y, begin, end,
                  [=](int64_t i, auto lanes) { return Curve::value(load_ahead(x + i, lanes)); });
}

template <class Curve, To to>
void slopes(const float* x, const float* dy, float* dx, int64_t begin, int64_t end) {
  write_lanes<to>(dx, begin, end, [=](int64_t i, auto lanes) {
    return Curve::slope(load_ahead(x + i, lanes)) * load_ahead(dy + i, lanes);
  });
}

template <class Curve>
void forward(const Launch& launch, const ActivationForward& a, Curve) {
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  const To to = way_for(Write::set, a.n, x == y);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    (to == To::set ? values<Curve, To::set> : values<Curve, To::past_caches>)(x, y, begin, end);
    finish_stream();
  });
}

template <class Curve>
void backward(const Launch& launch, const ActivationBackward& a, Curve) {
  const auto *x = static_cast<const float*>(a.x), *dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  const auto range = choose(way_for(a.to_dx, a.n, dx == dy || dx == x), slopes<Curve, To::set>,
                            slopes<Curve, To::add>, slopes<Curve, To::past_caches>);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    range(x, dy, dx, begin, end);
    finish_stream();
  });
}

}  // namespace

template <>
void activation_simd<Isa::HEWN_ISA>(const Launch& launch, const ActivationForward& a) {
  switch (a.kind) {
    case Activation::none: return forward(launch, a, NoCurve{});
    case Activation::relu: return forward(launch, a, ReluCurve{});
    case Activation::silu: return forward(launch, a, SiluCurve{});
    case Activation::gelu_tanh: return forward(launch, a, GeluTanhCurve{});
    case Activation::gelu_erf: return forward(launch, a, GeluErfCurve{});
  }
}

template <>
void activation_simd<Isa::HEWN_ISA>(const Launch& launch, const ActivationBackward& a) {
  switch (a.kind) {
    case Activation::none: return backward(launch, a, NoCurve{});
    case Activation::relu: return backward(launch, a, ReluCurve{});
    case Activation::silu: return backward(launch, a, SiluCurve{});
    case Activation::gelu_tanh: return backward(launch, a, GeluTanhCurve{});
    case Activation::gelu_erf: return backward(launch, a, GeluErfCurve{});
  }
}

}  // namespace hewn

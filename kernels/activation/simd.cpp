#include "kernels/activation/simd.h"

#include "kernels/activation/curves.h"
#include "kernels/parallel.h"

namespace hewn {
namespace {

template <class Curve>
void forward(const Launch& launch, const ActivationForward& a, Curve) {
  const float* x = static_cast<const float*>(a.x);
  float* y = static_cast<float*>(a.y);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    for_lanes(begin, end,
              [&](int64_t i, auto lanes) { store(y + i, Curve::value(load(x + i, lanes)), lanes); });
  });
}

template <class Curve>
void backward(const Launch& launch, const ActivationBackward& a, Curve) {
  const float* x = static_cast<const float*>(a.x);
  const float* dy = static_cast<const float*>(a.dy);
  float* dx = static_cast<float*>(a.dx);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    for_lanes(begin, end, [&](int64_t i, auto lanes) {
      write(dx + i, Curve::slope(load(x + i, lanes)) * load(dy + i, lanes), a.to_dx, lanes);
    });
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

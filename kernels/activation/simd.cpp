#include "kernels/activation/abi.h"

#include "kernels/activation/curves.h"
#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_stream.h"

namespace hewn {
namespace {

template <class C, To to>
void values(const float* x, float* y, int64_t begin, int64_t end) {
  write_lanes<to>(y, begin, end, [=](int64_t i, auto lanes) { return C::value(load_ahead(x + i, lanes)); });
}

template <class C, To to>
void slopes(const float* x, const float* dy, float* dx, int64_t begin, int64_t end) {
  write_lanes<to>(dx, begin, end, [=](int64_t i, auto lanes) {
    return C::slope(load_ahead(x + i, lanes)) * load_ahead(dy + i, lanes);
  });
}

template <class C>
void forward(const Launch& launch, const ActivationForward& a) {
  const auto* x = static_cast<const float*>(a.x);
  auto* y = static_cast<float*>(a.y);
  const To to = way_for(Write::set, a.n, x == y);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    (to == To::set ? values<C, To::set> : values<C, To::past_caches>)(x, y, begin, end);
    finish_stream();
  });
}

template <class C>
void backward(const Launch& launch, const ActivationBackward& a) {
  const auto *x = static_cast<const float*>(a.x), *dy = static_cast<const float*>(a.dy);
  auto* dx = static_cast<float*>(a.dx);
  const auto range = choose(way_for(a.to_dx, a.n, dx == dy || dx == x), slopes<C, To::set>,
                            slopes<C, To::add>, slopes<C, To::past_caches>);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    range(x, dy, dx, begin, end);
    finish_stream();
  });
}

}  // namespace

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const ActivationForward& a) {
  visit(a.kind, [&]<Activation kind>() { forward<Curve<kind>>(launch, a); });
}

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const ActivationBackward& a) {
  visit(a.kind, [&]<Activation kind>() { backward<Curve<kind>>(launch, a); });
}

}  // namespace hewn

#pragma once

#include "kernels/activation/abi.h"
#include "kernels/contract/contract.h"

namespace hewn {

/// Whether it is a curve by way of an exponential: GELU by tanh too, as a sigmoid.
inline bool curved(Activation kind) { return kind != Activation::none && kind != Activation::relu; }

/// ReLU is one operation per element, curves about 20: exponential (8), division, a few products.
inline Cost cost_of(const ActivationForward& a) {
  const auto n = static_cast<double>(a.n);
  const double operations = curved(a.kind) ? 20 : a.kind == Activation::relu ? 1 : 0;
  return {operations * n, 2 * n * static_cast<double>(size_of(a.dtype))};
}

/// Reads dy and, to know a slope, x.
inline Cost cost_of(const ActivationBackward& a) {
  const auto n = static_cast<double>(a.n);
  const double operations = curved(a.kind) ? 25 : a.kind == Activation::relu ? 1 : 0;
  const double moved = (a.kind == Activation::none ? 2 : 3) + (a.to_dx == Write::add ? 1 : 0);
  return {(operations + (a.to_dx == Write::add ? 1 : 0)) * n,
          moved * n * static_cast<double>(size_of(a.dtype))};
}

/// 20 for silu, a product; reads two, writes one.
inline Cost cost_of(const SwigluForward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  return {21 * n, 3 * n * static_cast<double>(size_of(a.dtype))};
}

/// 25 for silu and its slope, three products; reads three, writes what is wanted.
inline Cost cost_of(const SwigluBackward& a) {
  const double n = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const auto moved = [](const void* to, Write write) {
    return to == nullptr ? 0 : write == Write::add ? 2 : 1;
  };
  const double streams = 3 + moved(a.dgate, a.to_dgate) + moved(a.dup, a.to_dup);
  return {28 * n, streams * n * static_cast<double>(size_of(a.dtype))};
}

inline Needs needs_of(const ActivationForward& a) {
  return {.exps = curved(a.kind) ? static_cast<double>(a.n) : 0};
}
inline Needs needs_of(const ActivationBackward& a) {
  return {.exps = curved(a.kind) ? static_cast<double>(a.n) : 0};
}
inline Needs needs_of(const SwigluForward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }
inline Needs needs_of(const SwigluBackward& a) { return {.exps = static_cast<double>(a.rows * a.cols)}; }

}  // namespace hewn

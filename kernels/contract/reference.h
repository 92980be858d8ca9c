#pragma once
// Shared by the references, which compute in double on arrays of double, float or bf16.

#include "core/write.h"
#include "kernels/contract/element.h"
#include "kernels/contract/launch.h"

namespace hewn {

/// Elements of an array of T as double.
template <class T>
struct Doubles {
  const void* data;
  double operator[](int64_t i) const { return to_double(static_cast<const T*>(data)[i]); }
};

/// Sets an element to a value or adds the value to it, in double.
template <class T>
void put(T& to, double value, Write how) {
  to = from_double<T>(how == Write::add ? to_double(to) + value : value);
}

/// The same for element i of an array of T.
template <class T>
void put(void* array, int64_t i, double value, Write how) {
  put(static_cast<T*>(array)[i], value, how);
}

/// Calls f with an element of this type: double, float or BFloat16.
template <class F>
void with_float(DType dtype, F f) {
  dtype == DType::f64 ? f(double{}) : dtype == DType::bf16 ? f(BFloat16{}) : f(float{});
}
/// The same where there is no bf16.
template <class F>
void with_wide(DType dtype, F f) {
  dtype == DType::f64 ? f(double{}) : f(float{});
}

}  // namespace hewn

#pragma once
// Shared by the references, which compute in double on arrays of float or double.

#include "core/write.h"
#include "kernels/contract/launch.h"

namespace hewn {

/// Elements of an array of T as double.
template <class T>
struct Doubles {
  const void* data;
  double operator[](int64_t i) const { return static_cast<double>(static_cast<const T*>(data)[i]); }
};

/// Sets an element to a value or adds the value to it, in double.
template <class T>
void put(T& to, double value, Write how) {
  to = static_cast<T>(how == Write::add ? static_cast<double>(to) + value : value);
}

/// The same for element i of an array of T.
template <class T>
void put(void* array, int64_t i, double value, Write how) {
  put(static_cast<T*>(array)[i], value, how);
}

}  // namespace hewn

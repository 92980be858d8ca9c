#pragma once
// Launches on the emulator that must fail.

#include <string>

#include "core/error.h"
#include "kernels/gpu/simt/simt.h"

namespace hewn::test {

/// The message with which a launch fails; "" if it does not fail.
template <class... P, class... A>
std::string failure_of(const Grid& grid, void (*kernel)(P...), const A&... arguments) {
  try {
    launch(Launch{}, "wrong", grid, kernel, arguments...);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace hewn::test

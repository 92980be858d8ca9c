#pragma once
// The functions that a formula can call.

#include <span>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace hewn {

struct ExpressionFunction {
  std::string_view name;
  std::string_view parameters;  ///< "x", "x, weight, bias"
  Tensor (*apply)(std::span<const Tensor> arguments);
};

/// The function with this name and number of arguments; null if there is none.
const ExpressionFunction* find_function(std::string_view name, size_t arguments);
/// Whether there is a function with this name.
bool is_function(std::string_view name);
/// The signatures of the functions with this name, or of all if it is empty: "layernorm(x), layernorm(x,
/// weight, bias)".
std::string calls_of(std::string_view name);

/// The matrix product; a vector is a row on the left and a column on the right, as in NumPy.
Tensor product(const Tensor& a, const Tensor& b);
/// The transpose of a matrix, contiguous.
Tensor transpose(const Tensor& x);

// Powers in formulas, for bases and exponents of any sign.

/// base ^ exponent by element, broadcast by NumPy's rule; both f64 on the CPU and contiguous. x^0 is 1 for
/// every x. An element is NaN if the power is not a real number, and infinite if it divides by 0; gradients
/// likewise.
Tensor power(const Tensor& base, const Tensor& exponent);

}  // namespace hewn

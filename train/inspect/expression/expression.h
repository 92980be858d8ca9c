#pragma once
// Formulas such as "y = tanh(w*x + b)", computed with the operations of a model on float64 tensors.

#include <map>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace hewn {

/// The names that a formula can use, with their values.
using FormulaValues = std::map<std::string, Tensor, std::less<>>;

/// Parses a value: a number, or a matrix in brackets, whose rows end with semicolons: "0.5", "[1 2; 3 4]".
/// f64 on the CPU: a scalar, [n] for one row, else [rows, columns]. `name` is for messages. Throws usage.
Tensor parse_value(std::string_view text, const std::string& name);

/// Computes a formula: statements "NAME = SUM" or "SUM" with semicolons between them, of numbers, matrices, names, the
/// operators + - * / @ (matrix product) ^ and ' (transpose), and functions (functions.h). * and / are by
/// element. Adds the names that it defines to `values`. Returns the value of the last statement. Operations
/// are recorded on the current tape, if any. Throws usage, with a mark below the position, for errors of
/// syntax or computation, and for results that are not finite.
Tensor evaluate_expression(std::string_view text, FormulaValues& values);

}  // namespace hewn

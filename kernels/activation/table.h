#pragma once
// The table of activations: everything about each except its code for vectors and GPUs, which is in curves.h.
// Kernels, the model, the command line, import, export, benchmarks and tests read it. To add an activation,
// add an enumerator, a row of the table and a `Curve` in curves.h.

#include <cmath>
#include <cstdint>
#include <numbers>

namespace hewn {

/// Pointwise non-linearities, in the order of the table. `count` is their number.
enum class Activation : uint8_t { none, gelu_tanh, gelu_erf, relu, silu, count };
inline constexpr int n_activations = static_cast<int>(Activation::count);

/// One activation: y = f(x) for each element.
struct ActivationRow {
  Activation kind;
  const char* name;                           ///< in operations, cases and benchmarks: "gelu_tanh"
  const char *formula, *gradient;             ///< of y, and of dx from dy
  double (*value)(double x);                  ///< f(x), accurate relative to its own size, however small
  double (*slope)(double x);                  ///< f'(x), likewise
  double value_operations, slope_operations;  ///< per element, for cost.h: an exponential counts as 8
  bool exponential;                           ///< whether f and f' each compute an exponential
  const char* act = nullptr;    ///< its name for `--act` and in configurations; null: not available in models
  const char* gated = nullptr;  ///< the name of the gated form f(gate) up; null: there is none
  /// Its name as `activation_function` of a GPT-2 in transformers, which export writes, and an alias that
  /// import also accepts. Null: transformers cannot express it.
  const char* huggingface = nullptr;
  const char* huggingface_too = nullptr;
};

/// Values and slopes in double.
namespace exact {

inline double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
inline double sigmoid_slope(double x) { return sigmoid(x) * sigmoid(-x); }
inline double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
inline double normal_density(double x) {
  return std::exp(-0.5 * x * x) * std::numbers::inv_sqrtpi / std::numbers::sqrt2;
}

inline double none(double x) { return x; }
inline double none_slope(double) { return 1; }

// 0.5 (1 + tanh u) = sigmoid(2u), which keeps its digits if tanh u is close to -1.
inline constexpr double gelu_a = std::numbers::sqrt2 * 2 * std::numbers::inv_sqrtpi, gelu_b = 0.044715;
inline double twice_u(double x) { return gelu_a * (x + gelu_b * x * x * x); }
inline double twice_u_slope(double x) { return gelu_a * (1 + 3 * gelu_b * x * x); }
inline double gelu_tanh(double x) { return x * sigmoid(twice_u(x)); }
inline double gelu_tanh_slope(double x) {
  return sigmoid(twice_u(x)) + x * sigmoid_slope(twice_u(x)) * twice_u_slope(x);
}

inline double gelu_erf(double x) { return x * normal_cdf(x); }
inline double gelu_erf_slope(double x) { return normal_cdf(x) + x * normal_density(x); }

inline double relu(double x) { return x > 0 ? x : 0 * x; }  // NaN stays NaN
inline double relu_slope(double x) { return x > 0 ? 1 : 0; }

inline double silu(double x) { return x * sigmoid(x); }
inline double silu_slope(double x) { return sigmoid(x) + x * sigmoid_slope(x); }

}  // namespace exact

inline constexpr ActivationRow activation_table[] = {
    {.kind = Activation::none,
     .name = "none",
     .formula = "y = x",
     .gradient = "dx = dy",
     .value = exact::none,
     .slope = exact::none_slope,
     .value_operations = 0,
     .slope_operations = 0,
     .exponential = false},
    // The GELU of GPT-2 (Hendrycks, Gimpel, "Gaussian error linear units", 2016, section 2).
    {.kind = Activation::gelu_tanh,
     .name = "gelu_tanh",
     .formula = "y = x (1 + tanh u) / 2, u = sqrt(2/pi) (x + 0.044715 x^3)",
     .gradient = "dx = ((1 + tanh u) / 2 + x (1 - tanh^2 u) / 2 du/dx) dy, "
                 "du/dx = sqrt(2/pi) (1 + 0.134145 x^2)",
     .value = exact::gelu_tanh,
     .slope = exact::gelu_tanh_slope,
     .value_operations = 20,
     .slope_operations = 25,
     .exponential = true,
     .act = "gelu",
     .huggingface = "gelu_new",
     .huggingface_too = "gelu_pytorch_tanh"},
    // The exact GELU: x P(X < x) for a standard normal X.
    {.kind = Activation::gelu_erf,
     .name = "gelu_erf",
     .formula = "y = x P, P = (1 + erf(x / sqrt 2)) / 2",
     .gradient = "dx = (P + x exp(-x^2 / 2) / sqrt(2 pi)) dy",
     .value = exact::gelu_erf,
     .slope = exact::gelu_erf_slope,
     .value_operations = 20,
     .slope_operations = 25,
     .exponential = true,
     .act = "gelu_erf",
     .huggingface = "gelu"},
    {.kind = Activation::relu,
     .name = "relu",
     .formula = "y = max(x, 0)",
     .gradient = "dx = [x > 0] dy",
     .value = exact::relu,
     .slope = exact::relu_slope,
     .value_operations = 1,
     .slope_operations = 1,
     .exponential = false,
     .act = "relu",
     .huggingface = "relu"},
    // Ramachandran, Zoph, Le, "Searching for activation functions", 2017. The only activation whose gated
    // form has kernels (Shazeer, "GLU variants improve Transformer", 2020, equation 6).
    {.kind = Activation::silu,
     .name = "silu",
     .formula = "y = x s, s = 1 / (1 + exp(-x))",
     .gradient = "dx = (s + x s (1 - s)) dy",
     .value = exact::silu,
     .slope = exact::silu_slope,
     .value_operations = 20,
     .slope_operations = 25,
     .exponential = true,
     .act = "silu",
     .gated = "swiglu",
     .huggingface = "silu",
     .huggingface_too = "swish"},
};

/// Whether the table has one complete row per enumerator, in the same order.
consteval bool one_row_each() {
  int at = 0;
  for (const ActivationRow& row : activation_table)
    if (row.kind != Activation{static_cast<uint8_t>(at++)} || !row.name || !row.formula || !row.gradient ||
        !row.value || !row.slope)
      return false;
  return at == n_activations;
}
static_assert(one_row_each(),
              "activation_table must have a complete row for each Activation, in the same order");

/// The row of an activation.
constexpr const ActivationRow& row_of(Activation kind) { return activation_table[static_cast<int>(kind)]; }

}  // namespace hewn

#pragma once
// The activation between the two linear layers of an MLP: a view of the table of activations.

#include <array>
#include <string>
#include <string_view>

#include "kernels/activation/table.h"

namespace hewn {

/// An activation f(x W), or a gated one, f(x W) (x V).
struct MlpActivation {
  Activation curve;
  bool gated;
  constexpr MlpActivation(Activation f = Activation::gelu_tanh, bool with_gate = false)
      : curve(f), gated(with_gate) {}
  bool operator==(const MlpActivation&) const = default;
  static const MlpActivation swiglu;  ///< silu(x W) (x V), as in Llama
};
inline constexpr MlpActivation MlpActivation::swiglu{Activation::silu, true};

/// Calls use(activation, name) for all activations that models may use, in the order of the table.
template <class Use>
constexpr void for_each_mlp_activation(Use use) {
  for (const ActivationRow& row : activation_table) {
    if (row.act) use(MlpActivation(row.kind), std::string_view(row.act));
    if (row.gated) use(MlpActivation(row.kind, true), std::string_view(row.gated));
  }
}

inline constexpr auto mlp_activation_text = [] {
  constexpr size_t size = [] {
    size_t all = 0;
    for_each_mlp_activation([&](MlpActivation, std::string_view name) { all += name.size() + 1; });
    return all;
  }();
  std::array<char, size> text{};
  size_t at = 0;
  for_each_mlp_activation([&](MlpActivation, std::string_view name) {
    for (const char c : name) text[at++] = c;
    text[at++] = '|';
  });
  return text;
}();
/// "gelu|gelu_erf|relu|silu|swiglu": all names, in the order of the table.
constexpr std::string_view names_of(MlpActivation) {
  return {mlp_activation_text.data(), mlp_activation_text.size() - 1};
}

/// The name of an activation, as on the command line; the inverse throws usage with the list of names.
std::string name_of(MlpActivation v);
void parse_name(const std::string& name, MlpActivation& v);

}  // namespace hewn

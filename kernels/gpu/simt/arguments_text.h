#pragma once
// The arguments of a kernel as text, for error messages about a launch.

#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "kernels/contract/sizes_of.h"
#include "kernels/gpu/runtime/failure.h"

namespace hewn {

/// "bf16 M=256 N=768 K=3072, 5000, 1.750000, pointer, Tiles"; a struct without sizes is named by its type.
/// `pointers` holds the addresses of values of the types P.
template <class... P>
std::string arguments_text(void** pointers) {
  std::string text;
  const auto append = [&text]<class V>(const V& value) {
    if (!text.empty()) text += ", ";
    if constexpr (std::is_enum_v<V>)
      text += std::to_string(static_cast<int>(value));
    else if constexpr (std::is_arithmetic_v<V>)
      text += std::to_string(value);
    else if constexpr (std::is_pointer_v<V>)
      text += "pointer";
    else if (const std::string sizes = sizes_of(value); !sizes.empty())
      text += sizes;
    else
      text += type_text(typeid(V).name());
  };
  [&]<size_t... I>(std::index_sequence<I...>) { (append(*static_cast<const P*>(pointers[I])), ...); }
  (std::index_sequence_for<P...>());
  return text;
}

}  // namespace hewn

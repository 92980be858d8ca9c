#pragma once
// Arguments of a kernel as text, for messages about a launch.

#include <string>
#include <type_traits>
#include <utility>

namespace hewn {

/// "5000, 1.750000, pointer"; `pointers` are the addresses of values of these types.
template <class... P>
std::string arguments_text(void** pointers) {
  std::string text;
  const auto append = [&text]<class V>(const V& value) {
    if (!text.empty()) text += ", ";
    if constexpr (std::is_enum_v<V>)
      text += std::to_string(static_cast<int>(value));
    else if constexpr (std::is_arithmetic_v<V>)
      text += std::to_string(value);
    else
      text += std::is_pointer_v<V> ? "pointer" : "struct";
  };
  [&]<size_t... I>(std::index_sequence<I...>) { (append(*static_cast<const P*>(pointers[I])), ...); }
  (std::index_sequence_for<P...>());
  return text;
}

}  // namespace hewn

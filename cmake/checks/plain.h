#pragma once
// Compares declarations of this program with those of a library's header.

#include <type_traits>

namespace hewn::cli {

/// The value of an enumerator.
constexpr int number(auto enumerator) { return static_cast<int>(enumerator); }

/// A type as this program declares it: enumerations are int, pointers to the library's classes void*.
template <class T>
struct Plain {
  static_assert(!std::is_enum_v<T> || sizeof(T) == sizeof(int));
  using type = std::conditional_t<std::is_enum_v<T>, int, T>;
};
template <class T>
requires std::is_class_v<T>
struct Plain<T*> {
  using type = void*;
};
template <class T>
requires std::is_class_v<T>
struct Plain<T**> {
  using type = void**;
};
template <class R, class... A>
struct Plain<R (*)(A...)> {
  using type = typename Plain<R>::type (*)(typename Plain<A>::type...);
};

/// Whether a function pointer has the library's declaration.
template <class Declared, class Theirs>
constexpr bool same = std::is_same_v<Declared, typename Plain<Theirs>::type>;

}  // namespace hewn::cli

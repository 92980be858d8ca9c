#pragma once
// The sizes of an operation's arguments as text, for error messages.

#include <string>
#include <string_view>

#include "core/dtype.h"

namespace hewn {

/// The sizes among the arguments of an op (abi.h of its room): "bf16 M=256 N=768 K=3072", "f32 rows=256
/// cols=768"; "" if the arguments have none of the names below.
template <class Args>
std::string sizes_of(const Args& a) {
  std::string text;
  const auto append = [&text](std::string_view word) { text.append(text.empty() ? "" : " ").append(word); };
  const auto size = [&](std::string_view name, int64_t n) {
    append(name);
    text.append("=").append(std::to_string(n));
  };
  if constexpr (requires { a.dtype; }) append(name_of(a.dtype));
  if constexpr (requires { a.M; }) size("M", a.M), size("N", a.N), size("K", a.K);
  if constexpr (requires { a.B; }) size("B", a.B);
  if constexpr (requires { a.T; }) size("T", a.T);
  if constexpr (requires { a.H; }) size("H", a.H);
  if constexpr (requires { a.Hkv; }) size("Hkv", a.Hkv);
  if constexpr (requires { a.Tq; }) size("Tq", a.Tq), size("Tk", a.Tk);
  if constexpr (requires { a.D; }) size("D", a.D);
  if constexpr (requires { a.rows; }) size("rows", a.rows);
  if constexpr (requires { a.cols; }) size("cols", a.cols);
  if constexpr (requires {
                  a.outer;
                  a.n;
                })
    size("outer", a.outer);
  if constexpr (requires { a.n; }) size("n", a.n);
  if constexpr (requires {
                  a.inner;
                  a.n;
                })
    size("inner", a.inner);
  if constexpr (requires { a.width; }) size("width", a.width);
  if constexpr (requires { a.vocabulary; }) size("vocabulary", a.vocabulary);
  if constexpr (requires { a.shape[a.rank]; })
    for (int d = 0; d < a.rank; ++d)
      size(std::string("shape[").append(std::to_string(d)).append("]"), a.shape[d]);
  return text;
}

}  // namespace hewn

#pragma once
// The preloaded library's view of the process: which descriptors matter, which call is the chosen one.

#include <cstddef>
#include <cstdint>

#include "tests/faults/preloaded/control.h"
#include "tests/faults/preloaded/journal.h"

namespace hewn::faults {

/// The function of this name in the libraries behind this one.
void* next_function(const char* name);

/// Calls F of the libraries behind this one: `next<decltype(::rename)>("rename")(a, b)`.
template <class F>
F* next(const char* name) {
  return reinterpret_cast<F*>(next_function(name));
}

constexpr size_t most_descriptors = 4096, longest_path = 512;

/// A path, absolute and without links as far as tests need it; "" if it is not below the root.
struct Place {
  char path[longest_path] = {};
  bool inside() const { return path[0] != '\0'; }
};
Place place_of(const char* path);
Place place_at(int directory, const char* path);
Place place_of(int descriptor);
/// Remembers an opened descriptor, forgets a closed one.
void remember(int descriptor, const Place& place);
void forget(int descriptor);

/// Counts a call. Whether it is to fail: errno is then set.
enum class Verdict : uint8_t { proceed, fail, cut_short, kill_after };
Verdict judge(Call call, const char* name, const char* path);
/// The same for memory, by the address to which the call returns.
Verdict judge_memory(const char* name, const void* caller);
[[noreturn]] void end_process();

/// Whether changes are recorded.
bool recording();
void record(Change change, int descriptor, int64_t number, const char* first = "", const char* second = "",
            const void* bytes = nullptr, size_t size = 0);

/// Passes a call through, or makes it fail: returns what `real` returns, or `failure`.
template <class Result, class Real>
Result attempt(Call call, const char* name, const Place& place, Result failure, Real real) {
  if (!place.inside()) return real();
  const Verdict verdict = judge(call, name, place.path);
  if (verdict == Verdict::fail) return failure;
  const Result result = real();
  if (verdict == Verdict::kill_after) end_process();
  return result;
}

}  // namespace hewn::faults

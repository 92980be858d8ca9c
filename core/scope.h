#pragma once
// The current place in the model and the current operation: names for nodes, memory and profiles.

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/not_copied.h"

namespace hewn {

/// Name and formulas of an operation as data, for tools to print.
struct OpInfo {
  const char* name;      ///< "softmax"
  const char* formula;   ///< "y_i = exp(x_i - max x) / sum_j exp(x_j - max x)"
  const char* gradient;  ///< "dx_i = y_i (dy_i - sum_j dy_j y_j)"
  // Where the operation is defined: next to its forward and backward. Not std::source_location, which clang 14 lacks.
  const char* file = __builtin_FILE();  ///< "kernels/softmax/op.cpp"
  int line = __builtin_LINE();
};

/// Enters a part of the model for its lifetime: `Scope s("attn")` inside `Scope s("h.2")` is "h.2.attn".
/// Thread-local. Names are interned; a thread finds those of its last thousand scopes without a lock.
class Scope : NotCopied {
 public:
  explicit Scope(std::string_view name);
  ~Scope();

  /// The number of the current scope, 0 outside of all scopes; stable for the life of the process.
  static int current();
  /// The full dotted name of a scope number; "" for 0.
  static const std::string& path(int scope);

 private:
  friend class ScopeAt;
  int before_;
};

/// Makes a known scope current for its lifetime: the backward pass runs each node in the scope that recorded it.
class ScopeAt : NotCopied {
 public:
  explicit ScopeAt(int scope);
  ~ScopeAt();

 private:
  int before_;
};

/// Names the running operation for memory tags and profiles. When they nest, the outermost one counts.
class InOp : NotCopied {
 public:
  explicit InOp(const OpInfo& info);
  ~InOp();

  /// The running operation's name; "" if there is none.
  static const char* current();

 private:
  const char* before_;
};

/// The part of a training step that is running.
enum class Phase : uint8_t { forward, backward, update };

/// Sets the phase for its lifetime; the default is `forward`. Thread-local.
class InPhase : NotCopied {
 public:
  explicit InPhase(Phase phase);
  ~InPhase();

  static Phase current();

 private:
  Phase before_;
};

}  // namespace hewn

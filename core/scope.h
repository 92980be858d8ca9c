#pragma once
// Where in the model, and in which operation, the program is: names for nodes, memory and profiles.

#include <cstdint>
#include <string>
#include <string_view>

namespace hewn {

/// What an operation is, as data, so that tools print what the comments say.
struct OpInfo {
  const char* name;      ///< "softmax"
  const char* formula;   ///< "y_i = exp(x_i - max x) / sum_j exp(x_j - max x)"
  const char* gradient;  ///< "dx_i = y_i (dy_i - sum_j dy_j y_j)"
};

/// Enters a part of the model for its lifetime: `Scope s("attn")` inside `Scope s("h.2")` is "h.2.attn".
/// Thread-local. Names are interned, so that a scope costs one hash look-up.
class Scope {
 public:
  explicit Scope(std::string_view name);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// The current scope as a number, 0 outside of all; stable for the life of the process.
  static int current();
  /// The full dotted name of a scope number; "" for 0.
  static const std::string& path(int scope);

 private:
  friend class ScopeAt;
  int before_;
};

/// Makes a known scope current for a while: the backward pass runs each node in the scope that recorded it.
class ScopeAt {
 public:
  explicit ScopeAt(int scope);
  ~ScopeAt();
  ScopeAt(const ScopeAt&) = delete;
  ScopeAt& operator=(const ScopeAt&) = delete;

 private:
  int before_;
};

/// Names the running operation for memory tags and profiles; the outermost one counts.
class InOp {
 public:
  explicit InOp(const OpInfo& info);
  ~InOp();
  InOp(const InOp&) = delete;
  InOp& operator=(const InOp&) = delete;

  /// The running operation's name, "" outside of all.
  static const char* current();

 private:
  const char* before_;
};

/// Which part of a training step runs.
enum class Phase : uint8_t { forward, backward, update };

/// Says so for its lifetime; outside of all it is `forward`. Thread-local.
class InPhase {
 public:
  explicit InPhase(Phase phase);
  ~InPhase();
  InPhase(const InPhase&) = delete;
  InPhase& operator=(const InPhase&) = delete;

  static Phase current();

 private:
  Phase before_;
};

}  // namespace hewn

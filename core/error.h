#pragma once
// Errors with context. Every failure that a user can meet is thrown as `Error`. Its text says what was wrong,
// where, what was expected and what to do; its code is the exit status of the program.

#include <stdexcept>
#include <string>

#include "core/base/not_copied.h"
#include "core/text.h"

namespace hewn {

/// Why something failed; the value is the exit status of the `hewn` command (docs/cli.md).
enum class ErrorCode : int {
  failed = 1,    ///< the environment failed: disk full, run in use, no such device
  usage = 2,     ///< the request was wrong: an unknown name, an impossible combination
  input = 3,     ///< a file, run or checkpoint is missing, damaged or malformed
  memory = 4,    ///< not enough memory
  numerical = 5  ///< NaN or Inf, or a failed verification
};

/// The one exception type of the project.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }
  /// The message with its contexts in one line, to continue a sentence: "..., while reading FILE".
  std::string one_line() const;

 private:
  ErrorCode code_;
};

/// Adds "while <activity>" to every error thrown during its lifetime: `Doing step("reading ", path);`.
/// Contexts nest; the message lists the innermost first. Thread-local; costs one string.
class Doing : NotCopied {
 public:
  template <class... Parts>
  explicit Doing(const Parts&... parts) : what_(join(parts...)) {
    enter();
  }
  ~Doing();

  /// "\n  while <activity>" for each that is active in this thread.
  static std::string all();

 private:
  void enter();

  std::string what_;
  const Doing* outer_ = nullptr;
};

/// Throws `Error{code, message + active contexts}`.
[[noreturn]] void throw_error(ErrorCode code, const std::string& message);

/// Joins the parts into a message and throws: `fail(ErrorCode::input, path, ": empty file")`.
template <class... Parts>
[[noreturn]] void fail(ErrorCode code, const Parts&... parts) {
  throw_error(code, join(parts...));
}

/// Fails with `ErrorCode::usage` unless `ok`: for wrong shapes, dtypes and arguments.
template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (!ok) fail(ErrorCode::usage, parts...);
}

}  // namespace hewn

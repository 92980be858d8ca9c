#pragma once
// Checks of errors.

#include <initializer_list>
#include <optional>
#include <ostream>
#include <string>

#include "core/error.h"

namespace hewn::test {

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

/// The error that `action` throws, nothing if it throws none; other exceptions propagate.
template <class Action>
std::optional<Error> error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return std::nullopt;
}

/// Whether the action fails with this code and a message that contains all parts. Prints the message
/// otherwise.
struct Failure {
  bool ok = false;
  std::string text;
  explicit operator bool() const { return ok; }
  friend std::ostream& operator<<(std::ostream& out, const Failure& f) { return out << f.text; }
};

template <class Action>
Failure fails(ErrorCode code, std::initializer_list<std::string> parts, Action&& action) {
  const auto error = error_of(action);
  if (!error) return {false, "no error"};
  const std::string text = error->what();
  if (error->code() != code)
    return {false, "code " + std::to_string(static_cast<int>(error->code())) + ": " + text};
  for (const std::string& part : parts) {
    if (text.find(part) == std::string::npos)
      return {false, std::string("\"").append(part).append("\" is not in: ").append(text)};
  }
  return {true, text};
}

}  // namespace hewn::test

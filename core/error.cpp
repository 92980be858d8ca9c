#include "core/error.h"

#include <utility>

namespace hewn {
namespace {

// A list of objects on the stack: a thread_local vector would need a destructor, for which the C library allocates
// memory and aborts if there is none.
thread_local const Doing* innermost = nullptr;

constexpr const char* next_context = "\n  while ";

// More than any message of ours has; names from untrusted files may be longer.
constexpr size_t longest_message = 8192;

/// The message, without the middle of one that is too long.
std::string readable(const std::string& message) {
  if (message.size() <= longest_message) return message;
  const auto in_character = [&](size_t at) {
    return (static_cast<unsigned char>(message[at]) & 0xc0) == 0x80;
  };
  size_t begin = longest_message / 2, end = message.size() - longest_message / 2;
  while (begin > 0 && in_character(begin)) --begin;
  while (end < message.size() && in_character(end)) ++end;
  return message.substr(0, begin) + " [" + std::to_string(end - begin) + " bytes left out] " +
         message.substr(end);
}

}  // namespace

std::string Error::one_line() const {
  std::string text = what();
  for (size_t at = 0; (at = text.find(next_context, at)) != text.npos;) text.replace(at, 3, ", ");
  return text;
}

void Doing::enter() { outer_ = std::exchange(innermost, this); }
Doing::~Doing() { innermost = outer_; }

std::string Doing::all() {
  std::string text;
  for (const Doing* doing = innermost; doing; doing = doing->outer_)
    text += std::string(next_context) + doing->what_;
  return text;
}

void throw_error(ErrorCode code, const std::string& message) {
  throw Error(code, readable(message) + Doing::all());
}

}  // namespace hewn

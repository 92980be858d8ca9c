#pragma once
// Text from parts.

#include <concepts>
#include <string>
#include <string_view>

namespace hewn {

/// Appends one part of a text: text, a character, a number as an output stream would print it, a shape or a path.
/// Streams themselves are not used: their header would cost every file that includes this one half a second.
void append_part(std::string& text, std::string_view part);
void append_part(std::string& text, char part);
template <std::same_as<bool> Flag>
void append_part(std::string& text, Flag part) {
  text += part ? '1' : '0';
}
void append_part(std::string& text, double part);
template <std::integral Number>
requires(!std::same_as<Number, bool>) void append_part(std::string& text, Number part) {
  text += std::to_string(part);
}
template <class Shape>
requires requires(const Shape& shape) { std::string(shape.str()); }
void append_part(std::string& text, const Shape& shape) { text += shape.str(); }
template <class Path>
requires requires(const Path& path) { std::string(path.string()); }
void append_part(std::string& text, const Path& path) { text += path.string(); }

/// The parts as one text.
template <class... Parts>
std::string join(const Parts&... parts) {
  std::string text;
  (append_part(text, parts), ...);
  return text;
}

}  // namespace hewn

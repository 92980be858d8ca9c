#pragma once
// Building text from parts.

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

namespace hewn {

/// Clears the sign of a NaN, which means nothing but would be printed as "-nan". All number printing goes
/// through here.
double printable(double x);

/// A number with `decimals` decimals; "nan", "inf" or "-inf" if it is not finite.
std::string fixed(double x, int digits);

/// Appends one part: text, a character, a number as an output stream would print it, a shape or a path.
/// Output streams are not used because their header would add half a second to the compilation of every file
/// that includes this one.
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

/// The parts joined into one string.
template <class... Parts>
std::string join(const Parts&... parts) {
  std::string text;
  (append_part(text, parts), ...);
  return text;
}

/// The items with a separator between them; `of(item)`, or a member of it, is the text of each.
template <class Items, class Of>
std::string list_text(Items&& items, std::string_view separator, const Of& of) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += separator;
    if constexpr (std::is_member_object_pointer_v<Of>)
      append_part(text, item.*of);
    else
      append_part(text, of(item));
  }
  return text;
}
template <class Items>
std::string list_text(Items&& items, std::string_view separator) {
  return list_text(items, separator, [](const auto& item) { return item; });
}

/// Quotes a word for the shell: unchanged if that is safe, otherwise in single quotes. Of `--key=value`, only
/// the value is quoted.
std::string shell_word(std::string_view word);

}  // namespace hewn

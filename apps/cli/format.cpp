#include "apps/cli/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace hewn::cli {
namespace {

std::string two_digits(int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); }

// Three significant digits of a number below 1000.
std::string three_digits(double x) { return fixed(x, x < 9.995 ? 2 : x < 99.95 ? 1 : 0); }

}  // namespace

std::string duration_text(double seconds) {
  if (!(seconds >= 0) || seconds > 1e9) return "?";
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s < 60) return std::to_string(s) + "s";
  if (s < 3600) return std::to_string(s / 60) + "m" + two_digits(s % 60) + "s";
  if (s < 86400) return std::to_string(s / 3600) + "h" + two_digits(s / 60 % 60) + "m";
  return std::to_string(s / 86400) + "d" + two_digits(s / 3600 % 24) + "h";
}

std::string short_count(double n) {
  static constexpr std::array<const char*, 5> units = {"", "k", "M", "G", "T"};
  size_t unit = 0;
  while (n >= 999.5 && unit + 1 < units.size()) {
    n /= 1000;
    ++unit;
  }
  return (unit == 0 ? fixed(n, 0) : three_digits(n)) + units[unit];
}

std::string scaled(double n, std::string_view unit) {
  std::string text = short_count(n);
  const size_t digits = std::min(text.find_first_of("kMGT"), text.size());
  return text.insert(digits, " ") + std::string(unit);
}

std::string long_count(int64_t n) {
  std::string text = std::to_string(n);
  const size_t first = text[0] == '-' ? 1 : 0;
  for (size_t i = text.size(); i > first + 3;) text.insert(i -= 3, ",");
  return text;
}

std::string bytes_text(double bytes) {
  static constexpr std::array<const char*, 5> units = {" B", " KiB", " MiB", " GiB", " TiB"};
  size_t unit = 0;
  while (bytes >= 1023.5 && unit + 1 < units.size()) {
    bytes /= 1024;
    ++unit;
  }
  return (unit == 0 ? fixed(bytes, 0) : three_digits(bytes)) + units[unit];
}

std::string number_text(double x, int digits) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), printable(x),
                                     std::chars_format::general, digits)
                           .ptr};
}

std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string blanks(widths[i] - row[i].size(), ' ');
      text += i ? "  " + blanks + row[i] : row[i] + blanks;
    }
    text.erase(text.find_last_not_of(' ') + 1);  // where the last cells are empty
    text += '\n';
  }
  return text;
}

std::string markdown_table(const std::vector<std::vector<std::string>>& rows) {
  const auto line = [](const std::vector<std::string>& row) {
    std::string text = "|";
    for (const std::string& cell : row) text += " " + cell + " |";
    return text + "\n";
  };
  std::string text = line(rows[0]) + line(std::vector<std::string>(rows[0].size(), "---"));
  for (size_t i = 1; i < rows.size(); ++i) text += line(rows[i]);
  return text;
}

std::string csv_cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

std::string csv_table(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) text += (i ? "," : "") + csv_cell(row[i]);
    text += "\n";
  }
  return text;
}

}  // namespace hewn::cli

#pragma once
// Formats numbers and lists for people.

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/text.h"

namespace hewn::cli {

/// Seconds as "45s", "1m40s", "2h05m", "3d04h".
std::string duration_text(double seconds);
/// A count with three digits: "950", "12.3k", "4.56M", "1.20G".
std::string short_count(double n);
/// A scaled number with a unit: "9.82 GFLOP".
std::string scaled(double n, std::string_view unit);
/// An integer with thousands separators: "1,048,576".
std::string long_count(int64_t n);
/// Bytes as "512 B", "1.5 KiB", "3.20 GiB".
std::string bytes_text(double bytes);
/// A number with at most this many digits: "0.5", "1.25e-07".
std::string number_text(double x, int digits = 6);

/// Copies of the items that meet a condition: std::views::filter, which clang 14 does not compile.
template <class Items, class Condition>
auto those_of(const Items& items, const Condition& condition) {
  std::vector<std::remove_cvref_t<decltype(*items.begin())>> kept;
  for (const auto& item : items)
    if (condition(item)) kept.push_back(item);
  return kept;
}

/// Aligns rows of cells in columns: the first column to the left, the others to the right; the first row
/// is a heading.
std::string table_text(const std::vector<std::vector<std::string>>& rows);
/// The same as a table of Markdown.
std::string markdown_table(const std::vector<std::vector<std::string>>& rows);

/// A cell of comma-separated values, in quotation marks where needed.
std::string csv_cell(std::string_view text);
/// Rows of comma-separated values.
std::string csv_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace hewn::cli

#include "apps/config_file.h"

#include <toml++/toml.h>

#include <algorithm>

#include "apps/terminal.h"
#include "core/error.h"
#include "core/file.h"

namespace hewn::cli {
namespace {

constexpr size_t most_bytes = 1 << 20;

std::string place(const std::string& path, const toml::source_region& region) {
  return join(path, ":", region.begin.line, ":", region.begin.column);
}

std::string value_text(const toml::node& node, const std::string& where) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* real = node.as_floating_point()) return real_text(real->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  fail(ErrorCode::usage, where,
       ": a value must be a number, a string, true or false; tables, lists and dates are not used");
}

toml::table parse_toml(const std::string& path) {
  const std::string text = read_small_file(path, most_bytes);
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::input, place(path, error.source()), ": not TOML: ", error.description());
  }
}

}  // namespace

std::vector<Assignment> read_config(const std::string& path) {
  std::vector<std::pair<toml::source_position, Assignment>> found;
  for (const auto& [key, node] : parse_toml(path)) {
    const std::string where = place(path, key.source());
    found.push_back({key.source().begin, {std::string(key.str()), value_text(node, where), where}});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Assignment> assignments;
  for (auto& entry : found) assignments.push_back(std::move(entry.second));
  return assignments;
}

}  // namespace hewn::cli

#include "apps/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "apps/terminal.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

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

toml::table parse(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ErrorCode::input, path, ": cannot open the configuration: ", std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) fail(ErrorCode::input, path, ": cannot read the configuration: ", std::strerror(errno));
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::input, place(path, error.source()), ": not TOML: ", error.description());
  }
}

}  // namespace

std::vector<Assignment> read_config(const std::string& path) {
  std::vector<std::pair<toml::source_position, Assignment>> found;
  for (const auto& [key, node] : parse(path)) {
    const std::string where = place(path, key.source());
    found.push_back({key.source().begin, {std::string(key.str()), value_text(node, where), where}});
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Assignment> assignments;
  for (auto& entry : found) assignments.push_back(std::move(entry.second));
  return assignments;
}

}  // namespace hewn::cli

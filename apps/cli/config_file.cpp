#include "apps/cli/config_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <utility>

#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/file.h"

namespace hewn::cli {
namespace {

constexpr size_t most_bytes = 1 << 20;
constexpr int most_dots =
    16;  // outside of strings, in a line: keys of tables in tables, which are not supported

std::string place(const std::string& path, const toml::source_region& region) {
  return join(path, ":", region.begin.line, ":", region.begin.column);
}

std::string value_text(const toml::node& node, const std::string& where) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return std::to_string(whole->get());
  if (const auto* real = node.as_floating_point()) return real_text(real->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  fail(ErrorCode::usage, where,
       ": expected a number, a string, true or false; tables, lists and dates are not supported");
}

/// Whether a string may follow this beginning of a line: nothing, or a key and its =.
bool string_may_follow(std::string_view line) {
  const auto without_blanks = [](std::string_view part) {
    part.remove_prefix(std::min(part.find_first_not_of(" \t"), part.size()));
    return part.substr(0, part.find_last_not_of(" \t") + 1);
  };
  line = without_blanks(line);
  if (line.empty()) return true;
  const std::string_view key = without_blanks(line.substr(0, line.size() - 1));
  return line.ends_with('=') && !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
           return std::isalnum(c) || c == '_' || c == '-';
         });
}

/// Throws ErrorCode::input for what toml++ 3.3 cannot handle. Dotted keys of thousands of parts, since it destroys the
/// tables recursively. Non-ASCII characters at which it has undefined behaviour: outside of strings and comments,
/// where TOML does not allow them; after a backslash; and in strings that do not follow a key, since it does not
/// recognise all of those as strings.
void require_safe_to_parse(std::string_view text, const std::string& path) {
  const bool ascii = std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x80; });
  std::string_view quote;  // the delimiter of the open string, if any
  bool comment = false;
  size_t line = 1;
  int dots = 0;
  const size_t start = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  size_t line_start = start;
  for (size_t i = start; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') {
      ++line;
      line_start = i + 1;
      dots = 0;
      comment = false;
      if (quote.size() == 1) quote = {};
    } else if (comment) {
      continue;
    } else if (!quote.empty()) {
      const size_t length = quote.size();
      if (c == '\\' && quote[0] == '"') {
        const size_t next = std::min(text.find_first_not_of(" \t\r\n", i + 1), text.size() - 1);
        if (static_cast<unsigned char>(text[next]) >= 0x80)
          fail(ErrorCode::input, path, ":", line, ": not TOML: a non-ASCII character after \\");
        if (i + 1 < text.size() && text[i + 1] != '\n') ++i;
      } else if (text.substr(i, length) == quote) {
        i += length - 1;
        // Up to two more quotes belong to the text of a multi-line string.
        for (int more = 0; length == 3 && more < 2 && text.substr(i + 1, 1) == quote.substr(0, 1); ++more)
          ++i;
        quote = {};
      }
    } else if (c == '#') {
      comment = true;
    } else if (c == '"' || c == '\'') {
      if (!ascii && !string_may_follow(text.substr(line_start, i - line_start)))
        fail(ErrorCode::input, path, ":", line,
             ": unsupported TOML: a quote that is neither first in its line nor right after `key =`; "
             "expected a single number, string, true or false as the value");
      const std::string_view three = text.substr(i, 3);
      quote = three == "\"\"\"" || three == "'''" ? three : text.substr(i, 1);
      i += quote.size() - 1;
    } else if (c == '.' && ++dots > most_dots) {
      fail(ErrorCode::input, path, ":", line, ": unsupported TOML: more than ", most_dots,
           " dots outside of a string; expected `key = value`, without tables or lists");
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      fail(ErrorCode::input, path, ":", line, ": not TOML: a non-ASCII character outside of a string");
    }
  }
}

toml::table parse_toml(const std::string& text, const std::string& path) {
  require_safe_to_parse(text, path);
  try {
    return toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::input, place(path, error.source()), ": not TOML: ", error.description());
  }
}

std::vector<Assignment> parse_config(const std::string& text, const std::string& path) {
  std::vector<std::pair<toml::source_position, Assignment>> found;
  {
    const toml::table table = parse_toml(text, path);
    found.reserve(table.size());
    for (const auto& [key, node] : table) {
      const std::string where = place(path, key.source());
      found.push_back({key.source().begin, {std::string(key.str()), value_text(node, where), where}});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Assignment> assignments;
  assignments.reserve(found.size());
  for (auto& entry : found) assignments.push_back(std::move(entry.second));
  return assignments;
}

constexpr std::string_view seal_begins = "# checksum ";
constexpr std::string_view seal_ends = " of the lines above; to change a value, give it as a flag\n";

}  // namespace

std::vector<Assignment> read_config(const std::string& path, bool given) {
  return parse_config(given ? read_given_file(path, most_bytes) : read_small_file(path, most_bytes), path);
}

std::string sealed(const std::string& toml) {
  return join(toml, "\n", seal_begins, to_hex(checksum(toml + "\n")), seal_ends);
}

Seal seal_of(std::string_view text) {
  const size_t line = text.rfind(join("\n", seal_begins));
  if (line == text.npos) return Seal::none;
  const std::string_view above = text.substr(0, line + 1);
  return text.substr(line + 1) == join(seal_begins, to_hex(checksum(above)), seal_ends) ? Seal::intact
                                                                                        : Seal::broken;
}

std::vector<Assignment> read_sealed_config(const std::string& path) {
  const std::string text = read_small_file(path, most_bytes);
  if (seal_of(text) == Seal::broken)
    fail(ErrorCode::input, path,
         " has changed since it was written: the checksum in its last line differs. Restore it, for example "
         "from the copy in a checkpoint; to change values, give flags, which the run saves");
  std::vector<Assignment> assignments = parse_config(text, path);
  for (Assignment& a : assignments) {
    if (a.key != "reduce" || a.value != "library") continue;  // which runs of earlier versions may have
    a.value = "exact";
    static bool said = false;
    if (!std::exchange(said, true))
      say("note    ", a.where,
          ": reduce = library is treated as exact: summed gradients have the bits of a single process");
  }
  return assignments;
}

}  // namespace hewn::cli

#include "tests/apps/printed/commands.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

using nlohmann::json;

/// The first words of commands, as alternatives of a regular expression.
const std::string& command_names() {
  static const std::string names = [] {
    std::string all = "--help";
    std::istringstream lines(hewn({"--help"}).out);
    static const std::regex entry("  ([a-z]+)(?: [a-z]+)?  +\\S.*");
    std::smatch m;
    for (std::string line; std::getline(lines, line);)
      if (std::regex_match(line, m, entry)) all += "|" + m[1].str();
    return all;
  }();
  return names;
}

std::string replaced(const std::string& text, const char* pattern, const char* by) {
  return std::regex_replace(text, std::regex(pattern), by);
}

/// The command on a line, or "".
std::string command_of_line(const std::string& line) {
  static const std::regex command(
      " *(?:\\$ )?(?:(?!Usage)[A-Za-z][^:`]*: +)?"
      "((?:(?:echo|printf) [^|]*\\| |source <\\(|\\(mkdir .*&& |for .*; do |[A-Za-z_]+=\\S+ |mpirun -n \\d+ "
      "|srun .* |exec )*(?:\\S*/)?hewn (?:" +
      command_names() + ")(?![-a-z])[^`]*)");
  std::smatch m;
  return std::regex_match(line, m, command) ? m[1].str() : "";
}

/// Whether a command goes on in the next line: after a backslash, in a quoted text, in a loop.
bool goes_on(const std::string& command) {
  const bool loop = command.find("; do") != command.npos && command.find("done") == command.npos;
  return command.ends_with("\\") || std::count(command.begin(), command.end(), '\'') % 2 == 1 || loop;
}

void add_commands_of_json(const json& value, std::vector<Command>& found) {
  for (const auto& [name, inner] : value.items()) {
    if (inner.is_structured()) add_commands_of_json(inner, found);
    if (!inner.is_string()) continue;
    const auto text = inner.get<std::string>();
    for (Command& command : commands_in(text))
      if (name == "command" || command.in_sentence) found.push_back(std::move(command));
  }
}

/// Removes a comment at `at`, if there is one.
bool skip_comment(const std::string& source, size_t& at) {
  if (source.compare(at, 2, "//") == 0) return at = std::min(source.find('\n', at), source.size()), true;
  if (source.compare(at, 2, "/*") == 0)
    return at = std::min(source.find("*/", at), source.size() - 2) + 2, true;
  return false;
}

/// Reads the literal that begins at `at`.
std::string literal(const std::string& source, size_t& at) {
  if (source.compare(at, 3, "R\"(") == 0) {
    const size_t end = std::min(source.find(")\"", at), source.size());
    std::string text = source.substr(at + 3, end - at - 3);
    return at = end + 2, text;
  }
  const char quote = source[at++];
  std::string text;
  for (; at < source.size() && source[at] != quote; ++at) {
    if (source[at] == '\\' && at + 1 < source.size())
      text += source[++at] == 'n' ? '\n' : source[at];
    else
      text += source[at];
  }
  return ++at, text;
}

}  // namespace

std::vector<Command> commands_in(const std::string& text) {
  std::vector<Command> found;
  if (text.starts_with('{') || text.starts_with('[')) {
    const json data = json::parse(text, nullptr, false);
    if (data.is_structured()) return add_commands_of_json(data, found), found;
  }
  std::istringstream lines(text);
  for (std::string line, command; std::getline(lines, line);) {
    if (!command.empty())
      command += "\n" + line;
    else if (line.starts_with("for ") && goes_on(line))
      command = line;
    else
      command = command_of_line(line);
    if (command.empty() || goes_on(command)) continue;
    command = replaced(command, "\\S*/hewn ", "hewn ");
    command = replaced(command, " +# [^'\"]*$| {2,}[a-z].*$", "");  // remarks
    found.push_back({command});
    command.clear();
  }
  static const std::regex mention("`((?:[^` \n]*/)?hewn\\s+(?:" + command_names() + ")(?![-a-z])[^`]*)`");
  for (auto at = std::sregex_iterator(text.begin(), text.end(), mention); at != std::sregex_iterator(); ++at)
    found.push_back({replaced(replaced((*at)[1], "^\\S*/hewn\\s", "hewn "), "\\s+", " "), true});
  return found;
}

std::string texts_of_source(const std::string& source) {
  constexpr char begins = '\x02', comma = '\x03', known = '\x04';
  std::string texts;
  for (size_t at = 0; at < source.size();) {
    if (skip_comment(source, at)) continue;
    const char c = source[at];
    const bool character =
        c == '\'' && at + 2 < source.size() && (source[at + 1] == '\\' || source[at + 2] == '\'');
    if (c == '"' || character || source.compare(at, 3, "R\"(") == 0) {
      texts += (character ? known : begins) + literal(source, at) + (character ? known : begins);
      continue;
    }
    if (source.compare(at, 9, "program()") == 0) {
      texts += std::string(1, known) + "hewn" + known, at += 9;
      continue;
    }
    if (c == ';' || c == '{' || c == '}')
      texts += '\n';
    else if (c == ',')
      texts += comma;
    else if (!std::isspace(static_cast<unsigned char>(c)) && c != '(' && c != ')')
      texts += known_later;
    ++at;
  }
  texts = replaced(texts, "\x02\x02|\x02?\x03*\x04\x03*\x02?", "");  // adjacent literals
  texts = replaced(texts, "\x02?\x03*\x01[\x01\x03]*\x02?", "\x01");
  return replaced(replaced(texts, "[\x02\x03]+", "\n"), "\n[\n\x01]+", "\n");
}

std::vector<Flag> flags_in(const std::string& text) {
  static const std::regex flag(
      "(?:^|[\\s(`'\"\x01])--([a-z][a-z0-9_-]*[a-z0-9])(?:=([^\\s,;)`'\"]*[^\\s,;)`'\":.]))?");
  std::vector<Flag> found;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), flag); at != std::sregex_iterator(); ++at)
    found.push_back({replaced((*at)[1], "-", "_"), (*at)[2]});
  return found;
}

}  // namespace hewn::test

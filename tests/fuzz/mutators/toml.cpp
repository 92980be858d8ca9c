#include <algorithm>

#include "tests/fuzz/mutators/mutator.h"

namespace hewn::test {
namespace {

/// A line: a key and its value; a table's name or a comment has no value.
struct TomlLine {
  std::string key, value;
};

std::vector<TomlLine> parse_toml(std::string_view file) {
  std::vector<TomlLine> lines;
  while (!file.empty()) {
    const std::string_view line = file.substr(0, file.find('\n'));
    file.remove_prefix(std::min(line.size() + 1, file.size()));
    const size_t equals = line.find('=');
    const bool has_value = equals != line.npos && !line.starts_with('#') && !line.starts_with('[');
    lines.push_back({std::string(line.substr(0, has_value ? equals : line.size())),
                     std::string(has_value ? line.substr(equals + 1) : "")});
  }
  return lines;
}

std::string written(const std::vector<TomlLine>& lines) {
  std::string file;
  for (const TomlLine& line : lines) file += line.key + (line.value.empty() ? "" : "=" + line.value) + "\n";
  return file;
}

std::string a_value(Dice& dice, int depth) {
  const auto digits = [&] { return std::to_string(boundary(1000, dice)); };
  switch (dice.below(depth > 3 ? 6 : 9)) {
    case 0: return (dice.one_in(2) ? "-" : "") + digits();
    case 1:
      return dice.one_of<const char*>({"0x7FFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFF", "0b1", "0o777", "1_000",
                                       "1__0", "01", "+1", "inf", "-nan", "1e308", "1e309", "1e-400", "0.1",
                                       ".5", "5.", "1e", "1e1.5"});
    case 2: return dice.one_of<const char*>({"true", "false", "True", "t", "nan", "infinity"});
    case 3:
      return dice.one_of<const char*>({"1979-05-27", "2026-02-30", "0000-00-00",
                                       "9999-12-31T23:59:60.999999999Z", "07:32:00", "24:00:00",
                                       "1979-05-27 07:32:00+99:99", "1979-05-27T00:00:00-00:00"});
    case 4: {
      const std::string quote = dice.one_of<const char*>({"\"", "'", "\"\"\"", "'''"});
      const std::string inside = dice.one_of<const char*>(
          {"", "a", "\u00e9", "\U0001f600", "\xff", "\\n", "\\u00e9", "\\ud800", "\\U0010ffff", "\\", "#",
           "]", "\\\n  ", "\n", "\r\n", "\t", "\"", "\x7f", "="});
      return quote + inside + std::string(dice.below(3), 'x') + (dice.one_in(8) ? "" : quote);
    }
    case 5: return std::string(1 + dice.below(300), dice.one_of<char>({'1', '[', '{', '0', '-', '.', ' '}));
    case 6:
      return "[" + a_value(dice, depth + 1) + (dice.one_in(2) ? "," + a_value(dice, depth + 1) : "") + "]";
    case 7:
      return "{a=" + a_value(dice, depth + 1) + (dice.one_in(2) ? ",b=" + a_value(dice, depth + 1) : "") +
             "}";
    default: return a_value(dice, depth + 1) + " # comment";
  }
}

std::string a_key(const std::string& old, Dice& dice) {
  switch (dice.below(6)) {
    case 0: return "\"" + old + "\"";
    case 1: return "'" + old + "'";
    case 2: return old + ".a";
    case 3: return "a." + old;
    case 4: return dice.one_of<const char*>({"", "\"\"", "1", "a b", "\u00e9", "\"\\u0061\"", "a", "-", "."});
    default: return old + std::string(dice.below(20), '_');
  }
}

}  // namespace

std::optional<std::string> mutate_toml(std::string_view file, Dice& dice) {
  std::vector<TomlLine> lines = parse_toml(file);
  if (lines.empty()) return std::nullopt;
  TomlLine& line = dice.one_of(lines);
  switch (dice.below(8)) {
    case 0: rearrange(lines, dice); break;
    case 1: line.key = a_key(line.key, dice); break;
    case 2: lines.push_back({"k" + std::to_string(dice.below(100)), a_value(dice, 0)}); break;
    case 3:
      if (dice.one_in(3))
        lines.insert(
            lines.begin() + static_cast<std::ptrdiff_t>(dice.below(lines.size())),
            {dice.one_of<const char*>({"[t]", "[[t]]", "[t.u]", "# c", "", "[\"\"]", "[t", "t]"}), ""});
      break;
    default:
      if (!line.value.empty()) line.value = a_value(dice, 0);
  }
  std::string changed = written(lines);
  if (dice.one_in(20)) changed.insert(0, "\xef\xbb\xbf");
  if (dice.one_in(20) && !changed.empty()) changed.pop_back();
  return changed;
}

}  // namespace hewn::test

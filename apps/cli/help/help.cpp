#include "apps/cli/help/help.h"

#include <algorithm>
#include <limits>

#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"

namespace hewn::cli {
namespace {

constexpr int narrow = 60;  // columns below which a term and its text do not fit beside each other

int page_width() { return std::clamp(terminal_width(Stream::results), 30, 100); }

std::string heading(std::string_view text) { return bold(Stream::results, text) + "\n"; }

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

// "  term   text" with the text wrapped in its own column, or below the term on narrow pages.
std::string entry(const std::string& term, std::string_view text, int column) {
  if (page_width() < narrow) column = 6;
  std::string line = "  " + padded(term, static_cast<size_t>(column - 4)) + "  ";
  if (static_cast<int>(term.size()) > column - 4)
    line = "  " + term + "\n" + std::string(static_cast<size_t>(column), ' ');
  return line + wrap(as_called(text), page_width(), column) + "\n";
}

// A command with its remark after it, or above it if both are too wide. Commands are never broken, so that
// they can be copied.
std::string example(std::string_view line) {
  const size_t end = std::min(line.find("  # "), line.size());
  const std::string command = as_called(line.substr(0, end));
  const std::string remark(line.substr(std::min(end + 2, line.size())));
  if (remark.empty()) return "  " + command + "\n";
  if (static_cast<int>(command.size() + remark.size()) + 5 <= page_width())
    return "  " + command + "   " + remark + "\n";
  return "  " + remark + "\n  " + command + "\n";
}

std::string examples(const Command& command) {
  std::string out = heading("Examples");
  for (const std::string& line : split(command.examples, '\n')) out += example(line);
  return out;
}

std::string command_list(const std::string& group) {
  std::string out;
  for (const Command& command : commands())
    if (group.empty() || command.name.starts_with(group + " "))
      out += entry(std::string(command.name), command.summary, 24);
  return out;
}

// The range as help shows it: upper bounds of a million or more only catch slips, and are left to the error message.
std::string brief_range(Domain range) {
  constexpr int64_t slip = 1'000'000;
  if (const auto* integers = std::get_if<Integers>(&range); integers && integers->most >= slip)
    return join(integers->least, " or more");
  if (auto* reals = std::get_if<Reals>(&range); reals && reals->most >= slip)
    reals->most = std::numeric_limits<double>::infinity();
  return range_text(range);
}

}  // namespace

std::string signature(const Option& option) {
  std::string text = option.letter ? join("-", option.letter, ", ") : "";
  text += join("--", option.name);
  if (option.kind != Kind::flag) return join(text, "=", option.choices);
  return option.initial == "true" || option.derived.starts_with("true") ? text + "=true|false" : text;
}

std::string facts(const Option& option) {
  const std::string_view initial = option.derived.empty() ? option.initial : option.derived;
  std::string text;
  if (!initial.empty() && option.is_key())
    text = initial == "required" ? "required" : join("default: ", initial);
  if (const std::string range = brief_range(option.range); !range.empty())
    text += (text.empty() ? "" : "; ") + range;
  if (!option.alias.empty()) text += join(text.empty() ? "" : "; ", "also --", option.alias);
  return text;
}

std::string description(const Option& option) {
  const std::string_view help = option.help;
  const std::string more = facts(option);
  if (more.empty()) return std::string(help);
  // "(0: all)" at the end explains a value of the range, so the facts join it.
  const size_t open = help.rfind(" (");
  const bool explains =
      open != help.npos && help.ends_with(')') && help[open + 2] >= '0' && help[open + 2] <= '9';
  return explains ? join(help.substr(0, open + 2), more, "; ", help.substr(open + 2))
                  : join(help, " (", more, ")");
}

std::string synopsis(const Command& command) {
  std::string text = command_line(command);
  if (!command.arguments.empty()) text += join(" ", command.arguments);
  const std::vector<const Option*> options = options_of(command);
  const bool keys =
      std::any_of(options.begin(), options.end(), [](const Option* option) { return option->is_key(); });
  return text + (keys ? " [CONFIG.toml] [--key=value | --key value]" : " [OPTION...]");
}

std::string welcome() {
  struct Line {
    std::string_view command, what;
  };
  static constexpr Line lines[] = {{"hewn train", "train a small model on the built-in tales"},
                                   {"hewn sample", "generate text with it"},
                                   {"", ""},
                                   {"hewn train --dataset=book.txt --out_dir=book", "train on your own text"},
                                   {"hewn plan --dataset=book.txt", "estimate its memory and time first"},
                                   {"hewn train --help", "every key, with examples"},
                                   {"hewn --help", "all commands"}};
  size_t width = 0;
  for (const Line& line : lines) width = std::max(width, as_called(line.command).size());
  std::string out = wrap(join("hewn ", version_number(),
                              ": a GPT hewn from scratch, from raw text to text, on your own machine."),
                         page_width(), 0) +
                    "\n\n";
  const bool beside = static_cast<int>(width) + 4 + 30 <= page_width();
  for (const auto& [command, what] : lines) {
    const std::string call = as_called(command);
    if (command.empty())
      out += "\n";
    else if (beside)
      out += "  " + bold(Stream::results, padded(call, width)) + "  " + std::string(what) + "\n";
    else
      out += "  " + bold(Stream::results, call) + "\n      " + std::string(what) + "\n";
  }
  return out;
}

std::string overview(const std::string& group) {
  const std::string spaced = group.empty() ? "" : group + " ";
  std::string out =
      "Usage: " +
      wrap(as_called(join("hewn ", spaced, "COMMAND [CONFIG.toml] [--key=value | --key value]")),
           page_width(), 7) +
      "\n\n";
  out += heading("Commands") + command_list(group) + "\n";
  if (group.empty()) {
    out += heading("Options");
    for (const Option& option : sections().back().options)
      out += entry(signature(option), description(option), 34);
    out += "\n" +
           wrap(as_called("In names a dash equals an underscore, and --no-KEY is --KEY=false. Flags override "
                          "HEWN_* variables, which override CONFIG.toml, which overrides the defaults. "
                          "`hewn COMMAND --help` describes the keys of a command."),
                page_width(), 0) +
           "\n\n";
  }
  out += heading("Examples");
  if (group.empty())
    return out + as_called(
                     "  hewn train --dataset=book.txt --out_dir=book\n"
                     "  hewn sample book --prompt=\"Once\"\n"
                     "  hewn eval book --json\n");
  for (const Command& command : commands())
    if (command.name.starts_with(spaced)) out += example(split(command.examples, '\n')[0]);
  return out;
}

std::string help(const Command& command) {
  std::string out = "Usage: " + wrap(as_called(synopsis(command)), page_width(), 7) + "\n\n";
  out += wrap(as_called(command.about), page_width(), 0) + "\n\n";
  for (const Section& section : sections()) {
    std::string lines;
    for (const Option& option : section.options)
      if (option.commands & command.bit) lines += entry(signature(option), description(option), 34);
    if (!lines.empty()) out += heading(section.title) + lines + "\n";
  }
  return out + examples(command);
}

}  // namespace hewn::cli

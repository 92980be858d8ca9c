#include "apps/cli/help/help.h"

#include <algorithm>
#include <limits>

#include "apps/cli/format.h"
#include "apps/cli/help/pages.h"
#include "apps/cli/parse.h"
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
  return line + wrap(text, page_width(), column) + "\n";
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

std::string examples(const Command& command, size_t most) {
  std::string out = heading("Examples");
  const std::vector<std::string>& lines = help_page(command.name).examples;
  for (size_t i = 0; i < std::min(most, lines.size()); ++i) out += example(lines[i]);
  return out;
}

// Paragraphs, with an empty line after each but the items of a list.
std::string paragraphs(const std::vector<std::string>& all, size_t most) {
  std::string out;
  most = std::min(most, all.size());
  const auto is_item = [&](size_t i) { return i < most && all[i].starts_with("* "); };
  for (size_t i = 0; i < most; ++i)
    out += wrap(all[i], page_width(), is_item(i) ? 2 : 0) + (is_item(i) && is_item(i + 1) ? "\n" : "\n\n");
  return out;
}

// The commands of a purpose: those whose names have two words in one line for the first.
std::string commands_for(Purpose purpose) {
  std::string out;
  std::string_view family;
  for (const Command& command : commands()) {
    const std::string_view first = command.name.substr(0, command.name.find(' '));
    if (command.purpose != purpose || first == family) continue;
    std::string summary = help_page(first == command.name ? command.name : first).summary;
    family = first == command.name ? "" : first;
    if (!family.empty()) summary += ": " + list_text(words_after(std::string(family)), ", ");
    out += entry(std::string(first), summary, 16);
  }
  return out;
}

// What an option does, without conditions and remarks: up to the first full stop, semicolon or colon that is in no
// parenthesis.
std::string_view gist(std::string_view help) {
  int open = 0;
  for (size_t i = 0; i + 1 < help.size(); ++i) {
    open += help[i] == '(' ? 1 : help[i] == ')' ? -1 : 0;
    if (open == 0 && help[i + 1] == ' ' && std::string_view(".;:").find(help[i]) != std::string_view::npos)
      return help.substr(0, i);
  }
  return help;
}

std::string option_list(const Command& command) {
  std::string out;
  for (const Section& section : sections_of(command)) {
    out += heading(section.title);
    for (const Option& option : section.options) out += entry(signature(option), description(option), 34);
    out += "\n";
  }
  return out;
}

std::string common_options(const Command& command) {
  std::vector<const Option*> chosen =
      those_of(options_of(command), [](const Option* o) { return o->is_key(); });
  if (!command.common.empty()) {
    chosen.clear();
    for (const std::string& name : split(command.common, ' '))
      if (const Option* const option = find_option(command, name)) chosen.push_back(option);
  }
  std::string out;
  for (const Option* option : chosen) {
    Option brief = *option;
    brief.help = gist(option->help);
    if (brief.kind == Kind::flag && brief.initial == "false" && brief.derived.empty()) brief.initial.clear();
    out += entry(signature(brief), description(brief), 30);
  }
  return out.empty() ? "" : heading("Options") + out + "\n";
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
                                   {"hewn train --help", "its common keys, with examples"},
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
  if (group.empty()) {
    const std::vector<std::string> purposes = split(names_of(Purpose{}), '|');
    for (size_t i = 0; i < purposes.size(); ++i)
      out += heading(purposes[i]) + commands_for(static_cast<Purpose>(i)) + "\n";
    out += option_list(general_only());
    out += wrap(
        as_called("`hewn COMMAND --help` shows what a command does and its common options, --help=all all of "
                  "them. In names a dash equals an underscore, and --no-KEY is --KEY=false. Flags override "
                  "HEWN_* variables, which override CONFIG.toml, which overrides the defaults."),
        page_width(), 0);
    return out + "\n\n" + heading("Examples") +
           as_called(
               "  hewn train --dataset=book.txt --out_dir=book\n"
               "  hewn sample book --prompt=\"Once\"\n"
               "  hewn eval book --json\n");
  }
  std::string listed, shown;
  for (const Command& command : commands()) {
    if (!command.name.starts_with(spaced)) continue;
    listed += entry(std::string(command.name), help_page(command.name).summary, 24);
    shown += examples(command, 1).substr(heading("Examples").size());
  }
  return out + heading("Commands") + listed + "\n" + heading("Examples") + shown;
}

std::string help(const Command& command, bool all) {
  const size_t most = all ? std::numeric_limits<size_t>::max() : 1;
  const HelpPage& page = help_page(command.name);
  std::string out = "Usage: " + wrap(as_called(synopsis(command)), page_width(), 7) + "\n\n";
  out += paragraphs(page.about, most);
  if (all) return out + option_list(command) + examples(command, most);
  out += common_options(command) + examples(command, 5) + "\n";
  return out +
         wrap(as_called(join("`", command_line(command),
                             " --help=all` describes everything: ", options_of(command).size(), " options.")),
              page_width(), 0) +
         "\n";
}

}  // namespace hewn::cli

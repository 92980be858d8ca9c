#include "apps/cli/help.h"

#include <algorithm>

#include "apps/cli/terminal.h"
#include "apps/cli/version.h"

namespace hewn::cli {
namespace {

int page_width() { return std::clamp(terminal_width(Stream::results), 60, 100); }

std::string heading(std::string_view text) { return bold(Stream::results, text) + "\n"; }

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size()), ' ');
  return text;
}

// "  term   text", the text wrapped in its own column.
std::string entry(const std::string& term, std::string_view text, int column) {
  std::string line = "  " + padded(term, static_cast<size_t>(column - 4)) + "  ";
  if (static_cast<int>(term.size()) > column - 4)
    line = "  " + term + "\n" + std::string(static_cast<size_t>(column), ' ');
  return line + wrap(text, page_width(), column) + "\n";
}

std::string examples(const Command& command) {
  std::string out = heading("Examples");
  for (const std::string& line : split(command.examples, '\n')) {
    const size_t note = line.find("  # ");
    out += "  " + line.substr(0, note);
    if (note != line.npos) out += "   " + line.substr(note + 2);
    out += "\n";
  }
  return out;
}

std::string command_list(const std::string& group) {
  std::string out;
  for (const Command& command : commands())
    if (group.empty() || command.name.starts_with(group + " "))
      out += entry(std::string(command.name), command.summary, 24);
  return out;
}

std::string description(const Option& option) {
  std::string text(option.help);
  const std::string initial = shown_default(option);
  return initial.empty() ? text : text + " [" + initial + "]";
}

}  // namespace

std::string signature(const Option& option) {
  std::string text = option.letter ? join("-", option.letter, ", ") : "";
  text += join("--", option.name);
  if (option.kind != Kind::flag) return join(text, "=", option.choices);
  return option.initial == "true" ? text + "=false" : text;
}

std::string shown_default(const Option& option) {
  if (!option.derived.empty()) return std::string(option.derived);
  if (option.kind == Kind::flag && option.initial == "false") return "";
  return std::string(option.initial);
}

std::string synopsis(const Command& command) {
  std::string text = join("hewn ", command.name);
  if (!command.arguments.empty()) text += join(" ", command.arguments);
  if (command.bit != takes::completion) text += " [CONFIG.toml] [--key=value | --key value]";
  return text;
}

std::string welcome() {
  const auto line = [](std::string_view command, std::string_view what) {
    return "  " + bold(Stream::results, padded(std::string(command), 46)) + "  " + std::string(what) + "\n";
  };
  return join("hewn ", version_number(),
              ": a GPT hewn from scratch, from raw text to text, on your own machine.\n\n") +
         line("hewn train", "train a small model on the built-in tales") +
         line("hewn sample out", "let it write") + "\n" +
         line("hewn train --dataset=book.txt --out_dir=book", "train on your own text") +
         line("hewn plan --dataset=book.txt", "first see what that costs") +
         line("hewn train --help", "every key, with examples") + line("hewn --help", "every command");
}

std::string overview(const std::string& group) {
  const std::string spaced = group.empty() ? "" : group + " ";
  std::string out = join("Usage: hewn ", spaced, "COMMAND [CONFIG.toml] [--key=value | --key value]\n\n");
  out += heading("Commands") + command_list(group) + "\n";
  if (group.empty()) {
    out += heading("Options");
    for (const Option& option : sections().back().options)
      out += entry(signature(option), description(option), 34);
    out += "\n" + join(
                      "In names a dash is an underscore. Flags beat HEWN_* variables, those beat "
                      "CONFIG.toml, and that\n"
                      "beats the defaults. `hewn COMMAND --help` shows the keys of a command.\n\n");
  }
  out += heading("Examples");
  if (group.empty()) {
    out +=
        "  hewn train --dataset=book.txt --out_dir=book\n  hewn sample book --start=\"Once\"\n  hewn eval "
        "book --json\n";
    return out;
  }
  for (const Command& command : commands())
    if (command.name.starts_with(spaced))
      out += "  " + split(split(command.examples, '\n')[0], '#')[0] + "\n";
  return out;
}

std::string help(const Command& command) {
  std::string out = join("Usage: ", wrap(synopsis(command), page_width(), 7), "\n\n");
  out += wrap(command.about, page_width(), 0) + "\n\n";
  for (const Section& section : sections()) {
    std::string lines;
    for (const Option& option : section.options)
      if (option.commands & command.bit) lines += entry(signature(option), description(option), 34);
    if (!lines.empty()) out += heading(section.title) + lines + "\n";
  }
  return out + examples(command);
}

}  // namespace hewn::cli

// Generates completions for bash, zsh and fish.

#include <algorithm>

#include "apps/cli/help/manual.h"
#include "apps/cli/help/pages.h"
#include "apps/cli/options.h"
#include "apps/cli/parse.h"
#include "apps/cli/terminal.h"

namespace hewn::cli {
namespace {

// The values of a flag or choice; empty for other options.
std::vector<std::string> values_of(const Option& option) {
  if (option.kind == Kind::flag && option.is_key()) return {"true", "false"};
  return option.kind == Kind::choice ? split(option.choices, '|') : std::vector<std::string>{};
}

std::vector<std::string> groups() {
  std::vector<std::string> found;
  for (const std::string& word : words_after(""))
    if (!find_command(word)) found.push_back(word);
  return found;
}

// Options of a command as "--key=", or "--key" for general flags.
std::vector<std::string> option_words(const Command& command) {
  std::vector<std::string> words;
  for (const Option* option : options_of(command)) {
    const bool bare = option->kind == Kind::flag;
    words.push_back(join("--", option->name, bare ? "" : "="));
  }
  return words;
}

// The possible arguments of a command besides options and files.
std::vector<std::string> arguments_of(const Command& command) {
  if (command.name == "help") return words_after("");
  return command.words.empty() ? std::vector<std::string>{} : split(command.words, '|');
}

// Puts a backslash before each occurrence of these characters.
std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != special.npos) out += '\\';
    out += c;
  }
  return out;
}

// Quotes text as a word of fish, in whose single quotes a backslash escapes itself and the quote.
std::string fish_word(std::string_view text) { return "'" + escaped(text, "\\'") + "'"; }

// Quotes text as a word of zsh, whose single quotes have no escapes.
std::string zsh_word(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + out + "'";
}

std::string zsh_spec(const Option& option) {
  const std::vector<std::string> values = values_of(option);
  const std::string action = !values.empty()             ? "(" + list_text(values, " ") + ")"
                             : option.kind == Kind::text ? "_files"
                                                         : " ";
  const bool bare = option.kind == Kind::flag;
  return zsh_word(join("--", option.name, bare ? "" : "=", "[", escaped(option.help, "[]:\\"), "]",
                       bare ? "" : join(":", option.name, ":", action)));
}

}  // namespace

std::string bash_completion() {
  std::string out =
      "# bash completion for hewn; from `hewn completion bash`\n"
      "_hewn() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} key= words= command= i\n"
      "  COMPREPLY=()\n"
      "  # bash splits at '=': --norm=rms comes as --norm, =, rms\n"
      "  if [[ $cur == '=' ]]; then key=${COMP_WORDS[COMP_CWORD-1]} cur=\n"
      "  elif [[ ${COMP_WORDS[COMP_CWORD-1]} == '=' ]]; then key=${COMP_WORDS[COMP_CWORD-2]}\n"
      "  elif [[ ${COMP_WORDS[COMP_CWORD-1]} == --* ]]; then key=${COMP_WORDS[COMP_CWORD-1]}; fi\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    [[ ${COMP_WORDS[i]} == -* ]] && continue\n"
      "    command=${COMP_WORDS[i]}\n"
      "    case $command in\n";
  out += join("      ", list_text(groups(), "|"));
  out +=
      ") if ((i + 1 < COMP_CWORD)); then command+=\" ${COMP_WORDS[i+1]}\"; fi;;\n    esac\n    break\n  "
      "done\n";
  out += "  case \"$command $key\" in\n";
  for (const Command& command : commands())
    for (const Option* option : options_of(command))
      if (const auto values = values_of(*option); option->is_key() && option->kind == Kind::choice)
        out +=
            join("    '", command.name, " --", option->name, "') words='", list_text(values, " "), "';;\n");
  out += "    *' --color') words='auto always never';;\n    *' --help') words='all';;\n  esac\n";
  out += "  if [[ -n $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return; fi\n";
  out += "  case $command in\n";
  out += join("    '') words='", list_text(words_after(""), " "), " --help --version';;\n");
  for (const std::string& group : groups())
    out += join("    ", group, ") words='", list_text(words_after(group), " "), "';;\n");
  std::string with_words;  // commands whose arguments are completed, not only options
  for (const std::string& group : groups()) with_words += "|" + group;
  for (const Command& command : commands()) {
    const std::string arguments = list_text(arguments_of(command), " ");
    if (!arguments.empty()) with_words += join("|", command.name);
    out += join("    '", command.name, "') words='", arguments, arguments.empty() ? "" : " ",
                list_text(option_words(command), " "), "';;\n");
  }
  return out +
         "  esac\n"
         "  [[ $cur == -* || $command != *' '* && $command =~ ^(" +
         with_words +
         ")$ ]] &&\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
         "  [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
         "  return 0\n"
         "}\n"
         "complete -o default -F _hewn hewn\n";
}

std::string zsh_completion() {
  std::string out =
      "#compdef hewn\n# zsh completion for hewn; from `hewn completion zsh`\n_hewn() {\n"
      "  local -a commands options\n  local command=$words[2] skip=2\n";
  out += join("  if ((CURRENT == 2)); then\n    commands=(", list_text(words_after(""), " "),
              ")\n    _describe command commands\n    return\n  fi\n  case $command in\n");
  for (const std::string& group : groups())
    out += join("    ", group, ")\n      if ((CURRENT == 3)); then\n        commands=(",
                list_text(words_after(group), " "),
                ")\n        _describe command commands\n        return\n      fi\n      command+=\" "
                "$words[3]\" skip=3;;\n");
  out += "  esac\n  shift $((skip - 1)) words\n  ((CURRENT -= skip - 1))\n  case $command in\n";
  for (const Command& command : commands()) {
    out += join("    '", command.name, "') options=(\n");
    for (const Option* option : options_of(command)) out += "      " + zsh_spec(*option) + "\n";
    const std::string arguments = list_text(arguments_of(command), " ");
    out += arguments.empty() ? "      '*:file:_files'\n" : join("      '*:word:(", arguments, ")'\n");
    out += "    );;\n";
  }
  return out + "  esac\n  _arguments -s $options\n}\n_hewn \"$@\"\n";
}

std::string fish_completion() {
  std::string out = "# fish completion for hewn; from `hewn completion fish`\n";
  for (const std::string& word : words_after("")) {
    const Command* command = find_command(word);
    out += join("complete -c hewn -n __fish_use_subcommand -f -a ", word,
                command ? " -d " + fish_word(help_page(word).summary) : "", "\n");
  }
  for (const Command& command : commands()) {
    const std::vector<std::string> parts = split(command.name, ' ');
    std::string here = "__fish_seen_subcommand_from " + parts[0];
    if (parts.size() == 2) {
      const std::string siblings = list_text(words_after(parts[0]), " ");
      out += join("complete -c hewn -n '", here, "; and not __fish_seen_subcommand_from ", siblings,
                  "' -f -a ", parts[1], " -d ", fish_word(help_page(command.name).summary), "\n");
      here += "; and __fish_seen_subcommand_from " + parts[1];
    }
    if (const std::string arguments = list_text(arguments_of(command), " "); !arguments.empty())
      out += join("complete -c hewn -n '", here, "' -f -a ", fish_word(arguments), "\n");
    for (const Option* option : options_of(command)) {
      const std::vector<std::string> values = values_of(*option);
      out += join("complete -c hewn -n '", here, "' -l ", option->name,
                  option->letter ? join(" -s ", option->letter) : "", option->kind == Kind::flag ? "" : " -r",
                  option->kind == Kind::choice ? " -f -a " + fish_word(list_text(values, " ")) : "", " -d ",
                  fish_word(option->help), "\n");
    }
  }
  return out;
}

}  // namespace hewn::cli

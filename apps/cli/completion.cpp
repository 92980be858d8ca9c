// Completions for bash, zsh and fish.

#include <algorithm>

#include "apps/cli/manual.h"
#include "apps/cli/options.h"
#include "apps/cli/terminal.h"

namespace hewn::cli {
namespace {

// The words of a flag or choice that can be completed; empty for everything else.
std::vector<std::string> values_of(const Option& option) {
  if (option.kind == Kind::flag && option.is_key()) return {"true", "false"};
  return option.kind == Kind::choice ? split(option.choices, '|') : std::vector<std::string>{};
}

std::string spaced(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// First words of all commands ("data"), or the second words of a group.
std::vector<std::string> words_after(const std::string& group) {
  std::vector<std::string> words;
  for (const Command& command : commands()) {
    const std::vector<std::string> parts = split(command.name, ' ');
    const std::string word = group.empty()                            ? parts[0]
                             : parts[0] == group && parts.size() == 2 ? parts[1]
                                                                      : "";
    if (!word.empty() && (words.empty() || words.back() != word)) words.push_back(word);
  }
  return words;
}

std::vector<std::string> groups() {
  std::vector<std::string> found;
  for (const std::string& word : words_after(""))
    if (!find_command(word)) found.push_back(word);
  return found;
}

// Options of a command as "--key=" or, for general flags, "--key".
std::vector<std::string> option_words(const Command& command) {
  std::vector<std::string> words;
  for (const Option* option : options_of(command)) {
    const bool bare = option->kind == Kind::flag;
    words.push_back(join("--", option->name, bare ? "" : "="));
  }
  return words;
}

// Text inside single quotes of a shell.
std::string in_quotes(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + out + "'";
}

std::string zsh_spec(const Option& option) {
  std::string help;
  for (const char c : option.help)
    help += c == '[' || c == ']' || c == ':' ? std::string{'\\', c} : std::string(1, c);
  const std::vector<std::string> values = values_of(option);
  const std::string action = !values.empty()             ? "(" + spaced(values) + ")"
                             : option.kind == Kind::text ? "_files"
                                                         : " ";
  const bool bare = option.kind == Kind::flag;
  return in_quotes(join("--", option.name, bare ? "" : "=", "[", help, "]",
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
  out += "      " + [] {
    std::string pattern;
    for (const std::string& group : groups()) pattern += (pattern.empty() ? "" : "|") + group;
    return pattern;
  }();
  out +=
      ") if ((i + 1 < COMP_CWORD)); then command+=\" ${COMP_WORDS[i+1]}\"; fi;;\n    esac\n    break\n  "
      "done\n";
  out += "  case \"$command $key\" in\n";
  for (const Command& command : commands())
    for (const Option* option : options_of(command))
      if (const auto values = values_of(*option); option->is_key() && option->kind == Kind::choice)
        out += join("    '", command.name, " --", option->name, "') words='", spaced(values), "';;\n");
  out += "    *' --color') words='auto always never';;\n  esac\n";
  out += "  if [[ -n $words ]]; then COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")); return; fi\n";
  out += "  case $command in\n";
  out += join("    '') words='", spaced(words_after("")), " --help --version';;\n");
  for (const std::string& group : groups())
    out += join("    ", group, ") words='", spaced(words_after(group)), "';;\n");
  for (const Command& command : commands()) {
    const bool shells = command.bit == takes::completion;
    out += join("    '", command.name, "') words='", shells ? "bash zsh fish man markdown " : "",
                spaced(option_words(command)), "';;\n");
  }
  return out +
         "  esac\n"
         "  [[ $cur == -* || $command != *' '* && $command =~ ^(|" +
         [] {
           std::string pattern;
           for (const std::string& group : groups()) pattern += (pattern.empty() ? "" : "|") + group;
           return pattern;
         }() +
         "|completion)$ ]] &&\n"
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
  out += join("  if ((CURRENT == 2)); then\n    commands=(", spaced(words_after("")),
              ")\n    _describe command commands\n    return\n  fi\n  case $command in\n");
  for (const std::string& group : groups())
    out += join("    ", group, ")\n      if ((CURRENT == 3)); then\n        commands=(",
                spaced(words_after(group)),
                ")\n        _describe command commands\n        return\n      fi\n      command+=\" "
                "$words[3]\" skip=3;;\n");
  out += "  esac\n  shift $((skip - 1)) words\n  ((CURRENT -= skip - 1))\n  case $command in\n";
  for (const Command& command : commands()) {
    out += join("    '", command.name, "') options=(\n");
    for (const Option* option : options_of(command)) out += "      " + zsh_spec(*option) + "\n";
    out += command.bit == takes::completion ? "      '1:shell:(bash zsh fish man markdown)'\n"
                                            : "      '*:file:_files'\n";
    out += "    );;\n";
  }
  return out + "  esac\n  _arguments -s $options\n}\n_hewn \"$@\"\n";
}

std::string fish_completion() {
  std::string out = "# fish completion for hewn; from `hewn completion fish`\n";
  for (const std::string& word : words_after("")) {
    const Command* command = find_command(word);
    out += join("complete -c hewn -n __fish_use_subcommand -f -a ", word,
                command ? " -d " + in_quotes(command->summary) : "", "\n");
  }
  for (const Command& command : commands()) {
    const std::vector<std::string> parts = split(command.name, ' ');
    std::string here = "__fish_seen_subcommand_from " + parts[0];
    if (parts.size() == 2) {
      const std::string siblings = spaced(words_after(parts[0]));
      out += join("complete -c hewn -n '", here, "; and not __fish_seen_subcommand_from ", siblings,
                  "' -f -a ", parts[1], " -d ", in_quotes(command.summary), "\n");
      here += "; and __fish_seen_subcommand_from " + parts[1];
    }
    if (command.bit == takes::completion)
      out += join("complete -c hewn -n '", here, "' -f -a 'bash zsh fish man markdown'\n");
    for (const Option* option : options_of(command)) {
      const std::vector<std::string> values = values_of(*option);
      out += join("complete -c hewn -n '", here, "' -l ", option->name,
                  option->letter ? join(" -s ", option->letter) : "", option->kind == Kind::flag ? "" : " -r",
                  option->kind == Kind::choice ? " -f -a " + in_quotes(spaced(values)) : "", " -d ",
                  in_quotes(option->help), "\n");
    }
  }
  return out;
}

}  // namespace hewn::cli

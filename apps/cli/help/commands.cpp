// hewn help, hewn version, hewn completion: what --help and --version print, and what shells and manuals read.

#include <array>

#include "apps/cli/help/help.h"
#include "apps/cli/help/manual.h"
#include "apps/cli/settings.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

struct Form {
  std::string_view name;
  std::string (*text)();
};
constexpr std::array forms{Form{"bash", bash_completion}, Form{"zsh", zsh_completion},
                           Form{"fish", fish_completion}, Form{"man", man_page},
                           Form{"markdown", markdown_reference}};

int run_completion(const Settings& settings) {
  require(settings.arguments.size() == 1,
          "expected one of bash, zsh, fish, man and markdown, as in `hewn completion bash`");
  std::vector<std::string> names;
  for (const Form& form : forms) {
    if (form.name == settings.arguments[0]) {
      print(form.text());
      return 0;
    }
    names.emplace_back(form.name);
  }
  fail(ErrorCode::usage, "no completions for '", settings.arguments[0], "'",
       "; expected bash, zsh, fish, man or markdown", did_you_mean(settings.arguments[0], names));
}

int run_help(const Settings& settings) {
  const std::string name = list_text(settings.arguments, " ");
  if (const Command* const command = find_command(name)) {
    print(help(*command));
    return 0;
  }
  bool group = name.empty();
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    group |= command.name.starts_with(name + " ");
    names.emplace_back(command.name);
  }
  require(group, "no help for '", name, "': there is no such command", did_you_mean(name, names),
          "\nSee `hewn --help` for all commands.");
  print(overview(name));
  return 0;
}

int run_version(const Settings& settings) {
  require(settings.arguments.empty(), "`hewn version` takes no arguments");
  print(settings.flag("json") ? version_json() : version_text());
  return 0;
}

}  // namespace

Commands help_commands() {
  return {{.name = "completion",
           .arguments = "bash|zsh|fish|man|markdown",
           .run = run_completion,
           .json = false,
           .words = "bash|zsh|fish|man|markdown"},
          {.name = "help", .arguments = "[COMMAND]", .run = run_help, .json = false},
          {.name = "version", .run = run_version}};
}

}  // namespace hewn::cli

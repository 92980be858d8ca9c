// hewn help, hewn version: print the same as --help and --version.

#include "apps/cli/help/help.h"

#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "apps/commands.h"
#include "core/error.h"

namespace hewn::cli {

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

}  // namespace hewn::cli

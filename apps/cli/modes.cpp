#include "apps/cli/modes.h"

#include <algorithm>
#include <set>

#include "core/error.h"

namespace hewn::cli {
namespace {

// All options that a mode has: its key and those that it takes.
std::vector<std::string> options_of(const Mode& mode) {
  std::vector<std::string> names = split(mode.takes, ' ');
  names.emplace_back(mode.key);
  std::erase(names, "");
  return names;
}

bool has_option(const Mode& mode, const std::string& name) {
  const std::vector<std::string> names = options_of(mode);
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_chosen(const Settings& settings, const Mode& mode) {
  return mode.key.empty() || (settings.given(mode.key) && settings.text(mode.key) != "false" &&
                              !settings.where(mode.key).starts_with("HEWN_"));
}

}  // namespace

const Mode& chosen_mode(const Settings& settings, std::span<const Mode> modes) {
  const Mode& chosen =
      *std::find_if(modes.begin(), modes.end(), [&](const Mode& mode) { return is_chosen(settings, mode); });
  for (const Mode& mode : modes)
    for (const std::string& name : options_of(mode)) {
      // Keys of the environment and of a CONFIG.toml are for all commands.
      if (has_option(chosen, name) || !settings.where(name).starts_with("--")) continue;
      const bool is_mode =
          std::any_of(modes.begin(), modes.end(), [&](const Mode& other) { return other.key == name; });
      const std::string to = mode.key.empty() ? std::string(mode.name) : join("--", mode.key);
      fail(ErrorCode::usage, settings.where(name), ": ",
           is_mode && !chosen.key.empty() ? join("cannot be combined with --", chosen.key)
                                          : join("applies to ", to, ", not to ", chosen.name),
           "; leave one of them out");
    }
  return chosen;
}

}  // namespace hewn::cli

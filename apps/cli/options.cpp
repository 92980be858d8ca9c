#include "apps/cli/options.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "apps/cli/make.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

const Option* named(const Options& options, std::string_view name) {
  const auto found =
      std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == name; });
  return found == options.end() ? nullptr : &*found;
}

Section general_section(const Command& command) {
  using namespace keys;
  Section section =
      described("general", {flag("json"), letter('q', flag("quiet")), letter('v', flag("verbose")),
                            choice("color", "auto|always|never", "auto"), letter('h', flag("help")),
                            letter('V', flag("version"))});
  for (Option& option : section.options) {
    option.general = true;
    if (option.name == "help") option.choices = "all";
  }
  return command.json ? section : section.without("json");
}

Sections made(const Command& command) {
  Sections merged;
  for (Section& section : command.sections ? command.sections() : Sections{}) {
    const auto earlier = std::find_if(merged.begin(), merged.end(),
                                      [&](const Section& s) { return s.title == section.title; });
    if (earlier == merged.end())
      merged.push_back(std::move(section));
    else
      *earlier = earlier->with(section.options);
  }
  merged.push_back(general_section(command));
  return merged;
}

}  // namespace

Section Section::only(std::string_view names) const {
  Section chosen{title, {}};
  for (const std::string& name : split(names, ' ')) {
    const Option* const option = named(options, name);
    if (!option) throw std::logic_error(join("section ", title, " has no option '", name, "'"));
    chosen.options.push_back(*option);
  }
  return chosen;
}

Section Section::without(std::string_view names) const {
  Section rest = *this;
  for (const std::string& name : split(names, ' '))
    std::erase_if(rest.options, [&](const Option& option) { return option.name == name; });
  return rest;
}

Section Section::with(const Options& more) const {
  Section both = *this;
  both.options.insert(both.options.end(), more.begin(), more.end());
  return both;
}

const Command& general_only() {
  static const Command none;
  return none;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : commands())
    if (command.name == name) return &command;
  return nullptr;
}

std::string command_line(const Command& command) {
  return command.run ? join("hewn ", command.name) : std::string(command.name);
}

const Sections& sections_of(const Command& command) {
  static std::map<std::string_view, Sections> known;
  const auto [entry, is_new] = known.try_emplace(command.name);
  if (is_new) entry->second = made(command);
  return entry->second;
}

const Option* find_option(const Command& command, std::string_view name) {
  for (const Section& section : sections_of(command))
    for (const Option& option : section.options)
      if (option.is_called(name)) return &option;
  return nullptr;
}

std::vector<const Option*> options_of(const Command& command) {
  std::vector<const Option*> found;
  for (const Section& section : sections_of(command))
    for (const Option& option : section.options) found.push_back(&option);
  return found;
}

std::vector<std::string> commands_with(std::string_view option) {
  std::vector<std::string> names;
  for (const Command& command : commands())
    if (find_option(command, option)) names.emplace_back(command.name);
  return names;
}

std::string shown_range(const Option& option) { return range_text(option.range); }

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

}  // namespace hewn::cli

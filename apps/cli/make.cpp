#include "apps/cli/make.h"

#include "apps/cli/help/pages.h"
#include "model/config.h"

namespace hewn::cli::keys {

Option flag(std::string_view name, std::string_view initial) {
  return {.name = name, .initial = std::string(initial)};
}
Option integer(std::string_view name, std::string_view initial, int64_t least, int64_t most) {
  return {name, Kind::integer, std::string(initial), Integers{least, most}, "N"};
}
Option real(std::string_view name, std::string_view initial, double least, double most) {
  return {name, Kind::real, std::string(initial), Reals{least, most}, "X"};
}
Option above(std::string_view name, std::string_view initial, double bound, double most) {
  return {name, Kind::real, std::string(initial), Reals{.least = bound, .most = most, .least_excluded = true},
          "X"};
}
Option choice(std::string_view name, std::string_view choices, std::string_view initial) {
  return {name, Kind::choice, std::string(initial), Switch{}, choices};
}
Option text(std::string_view name, std::string_view placeholder, std::string_view initial) {
  return {name, Kind::text, std::string(initial), Switch{}, placeholder};
}
Option sized(std::string_view name, std::string_view initial) {
  Option option = integer(name, initial, 0, 0);
  for (const auto& key : model_keys)
    if (key.name == name) option.range = key.domain;
  return option;
}

Option also(std::string_view alias, Option option) {
  option.alias = alias;
  return option;
}
Option letter(char letter, Option option) {
  option.letter = letter;
  return option;
}
Option once(Option option) {
  option.once = true;
  return option;
}
Option kept(Option option) {
  option.change = Change::new_run;
  return option;
}
Option repeated(Option option) {
  option.repeats = true;
  return option;
}

Section described(std::string_view page, Options options) {
  Section section;
  for (Option& option : options) {
    const HelpPage::Entry& entry = help_page(page).entry(option.name);
    option.help = entry.text;
    option.derived = entry.initial;
    section.title = entry.section;
  }
  section.options = std::move(options);
  return section;
}

}  // namespace hewn::cli::keys

#pragma once
// Makes the options of commands.

#include "apps/cli/options.h"

namespace hewn::cli::keys {

/// A switch.
Option flag(std::string_view name, std::string_view initial = "false");
/// A number from `least` to `most`. An empty default: none, or derived from other values.
Option integer(std::string_view name, std::string_view initial, int64_t least, int64_t most);
Option real(std::string_view name, std::string_view initial, double least, double most);
/// A real number above `bound`, up to `most`.
Option above(std::string_view name, std::string_view initial, double bound, double most);
/// One of "a|b|c".
Option choice(std::string_view name, std::string_view choices, std::string_view initial = "");
/// Any text; `placeholder` stands for it in the help.
Option text(std::string_view name, std::string_view placeholder, std::string_view initial = "");
/// A number with the name and range of a model key.
Option sized(std::string_view name, std::string_view initial = "");

/// The same option with an alias.
Option also(std::string_view alias, Option option);
/// The same with a one-letter form.
Option letter(char letter, Option option);
/// The same, not saved with a run's configuration.
Option once(Option option);
/// The same; a resumed run keeps its value.
Option kept(Option option);
/// The same; may be given several times.
Option repeated(Option option);

/// The option of a configuration's key.
template <class Config>
Option option_of(const Key<Config>& key) {
  const std::string initial = text_of(key.get(Config{}));
  Option option{.name = key.name, .range = key.domain, .help = std::string(key.help), .change = key.change};
  if (key.derive)
    option.derived = key.follows;
  else
    option.initial = initial;
  if (!key.derive && !key.follows.empty())
    option.derived = (initial.empty() ? "" : initial + ", or ") + std::string(key.follows);
  if (const auto* choices = std::get_if<Choices>(&key.domain)) {
    option.kind = Kind::choice;
    option.choices = choices->names;
  } else if (const auto* words = std::get_if<FreeText>(&key.domain)) {
    option.kind = Kind::text;
    option.choices = words->form;
  } else if (std::holds_alternative<Integers>(key.domain)) {
    option.kind = Kind::integer;
    option.choices = "N";
  } else if (std::holds_alternative<Reals>(key.domain)) {
    option.kind = Kind::real;
    option.choices = "X";
  }
  return option;
}

/// The options of all keys in a table that users can set.
template <class Keys>
Options options_of_keys(const Keys& table) {
  Options options;
  for (const auto& key : table)
    if (!key.from_data) options.push_back(option_of(key));
  return options;
}

/// The options with their texts from a help page, under its heading (apps/cli/help/pages.h).
Section described(std::string_view page, Options options);

}  // namespace hewn::cli::keys

#include "apps/cli/make.h"

namespace hewn::cli::keys {

Option flag(std::string_view name, std::string_view initial, CommandSet commands, std::string_view help,
            std::string_view derived) {
  return {name, Kind::flag, std::string(initial), std::string(derived), Switch{}, "", help, commands};
}
Option integer(std::string_view name, std::string_view initial, int64_t least, int64_t most,
               CommandSet commands, std::string_view help, std::string_view derived) {
  const Integers range{least, most};
  return {name, Kind::integer, std::string(initial), std::string(derived), range, "N", help, commands};
}
Option real(std::string_view name, std::string_view initial, double least, double most, CommandSet commands,
            std::string_view help, std::string_view derived) {
  const Reals range{least, most};
  return {name, Kind::real, std::string(initial), std::string(derived), range, "X", help, commands};
}
Option above(std::string_view name, std::string_view initial, double bound, double most, CommandSet commands,
             std::string_view help) {
  Option option = real(name, initial, bound, most, commands, help);
  option.range = Reals{.least = bound, .most = most, .least_excluded = true};
  return option;
}
Option choice(std::string_view name, std::string_view choices, std::string_view initial, CommandSet commands,
              std::string_view help, std::string_view derived) {
  return {name, Kind::choice, std::string(initial), std::string(derived), Switch{}, choices, help, commands};
}
Option also(std::string_view alias, Option option) {
  option.alias = alias;
  return option;
}
Option text(std::string_view name, std::string_view placeholder, std::string_view initial,
            CommandSet commands, std::string_view help, std::string_view derived) {
  return {name, Kind::text, std::string(initial), std::string(derived), Switch{}, placeholder,
          help, commands};
}

}  // namespace hewn::cli::keys

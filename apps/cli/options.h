#pragma once
// Commands and their options. Each room of apps/ contributes its own (ROOM/commands.cpp). The parser,
// `--help`, the manual page, shell completions, the reference, environment variables and the keys of
// CONFIG.toml all use this table, so they cannot disagree.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/keys.h"

namespace hewn::cli {

class Settings;

/// The type of an option's value.
enum class Kind : uint8_t { flag, integer, real, choice, text };

/// An option: `--batch_size=12`, `--batch-size 12`, `HEWN_BATCH_SIZE=12`, or `batch_size = 12` in CONFIG.toml.
struct Option {
  std::string_view name;
  Kind kind = Kind::flag;
  std::string initial = {};       ///< the default as text; empty: none, or as described by `derived`
  Domain range = Switch{};        ///< Integers or Reals of a number
  std::string_view choices = {};  ///< "cosine|linear|constant"; for text, the placeholder in the help: "FILE"
  std::string help = {};
  std::string derived = {};        ///< shown instead of the default if that depends on other values
  char letter = 0;                 ///< the one-letter form, or 0
  bool repeats = false;            ///< may be given several times; `Settings::list` returns all values
  bool once = false;               ///< applies to this call only: not saved with a run's configuration
  bool general = false;            ///< --help, -q and the like, which are not keys
  Change change = Change::always;  ///< when the value stored in a run may change
  std::string_view alias = {};     ///< an alias, or none

  /// Whether it is also allowed in CONFIG.toml and the environment.
  bool is_key() const { return !general; }
  bool is_called(std::string_view word) const { return word == name || (word == alias && !word.empty()); }
};
using Options = std::vector<Option>;

/// The options under one heading of the help.
struct Section {
  std::string title;
  Options options;

  /// The options with these names, in this order: "device threads". Throws std::logic_error for an unknown
  /// one.
  Section only(std::string_view names) const;
  /// The section without the options with these names, and with others at the end.
  Section without(std::string_view names) const;
  Section with(const Options& more) const;
};
using Sections = std::vector<Section>;

/// The purpose of a command: the headings of `hewn --help`.
enum class Purpose : uint8_t { learn, train, write, measure, exchange, other };
constexpr const char* names_of(Purpose) { return "Learn|Train|Write|Measure|Exchange|Other"; }

/// A command. Its summary, description, examples and the texts of its own options are in its room's help/NAME.md.
struct Command {
  std::string_view name = "hewn";   ///< "train", "data prepare"
  std::string_view arguments = {};  ///< as shown in the synopsis: "RUN", "FILE..."
  Purpose purpose = Purpose::other;
  std::string_view common = {};  ///< the names of the options that `--help` shows; empty: all
  Sections (*sections)() =
      nullptr;  ///< its options except the general ones; null: none. Sections may share a title
  int (*run)(const Settings&) = nullptr;  ///< returns the exit status, throws Error
  bool json = true;                       ///< takes --json
  bool spins = false;                     ///< idle threads stay awake, because it times kernels
  std::string_view words = {};            ///< arguments for shell completion: "bash|zsh"
};
using Commands = std::vector<Command>;

/// Stands for a call without a command: takes only the general options.
const Command& general_only();

/// All commands, room by room.
const Commands& commands();

/// The command with this name ("data prepare"), or null.
const Command* find_command(std::string_view name);
/// How to call a command: "hewn train"; without a command, "hewn".
std::string command_line(const Command& command);
/// The sections of a command, each title once; the last one holds the general options.
const Sections& sections_of(const Command& command);
/// The option with this name or alias of a command, or null. Names are in the form with underscores.
const Option* find_option(const Command& command, std::string_view name);
/// All options of a command, in the order of the help.
std::vector<const Option*> options_of(const Command& command);
/// The names of all commands that have an option with this name as a key, for "… is an option of train,
/// plan".
std::vector<std::string> commands_with(std::string_view option);
/// The range of a number, "1 to 1048576" or "0 or more"; otherwise "".
std::string shown_range(const Option& option);
/// Splits "a|b|c" into a list.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace hewn::cli

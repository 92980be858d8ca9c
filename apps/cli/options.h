#pragma once
// The table of all options. Parser, `--help`, manual page, shell completions, docs/cli.md, environment
// variables and the keys of CONFIG.toml all read it, so that they cannot disagree.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/keys.h"

namespace hewn::cli {

class Settings;

/// The commands, in the order of the help and of the table in apps/commands.cpp, which has a line
/// for each. `takes::train | takes::plan` is the set of commands that take an option.
namespace takes {
enum class Name : uint8_t {
  train,
  sample,
  chat,
  eval,
  finetune_classify,
  finetune_instruct,
  finetune_prefer,
  classify,
  plan,
  info,
  verify,
  trace,
  gradcheck,
  learn,
  data_prepare,
  data_corpus,
  data_stats,
  tokenizer_train,
  tokenizer_encode,
  tokenizer_decode,
  tokenizer_compare,
  bench_kernels,
  bench_train,
  bench_sample,
  bench_comm,
  sweep,
  report,
  judge,
  import_model,
  export_model,
  quantize,
  merge,
  completion,
  help,
  version,
  no_command  ///< `hewn --version`; must be the last one
};
using enum Name;
}  // namespace takes

/// A set of up to 128 commands.
class CommandSet {
 public:
  constexpr CommandSet() = default;
  constexpr CommandSet(takes::Name name) {  // NOLINT(google-explicit-constructor)
    words_[static_cast<size_t>(name) / 64] = uint64_t{1} << static_cast<size_t>(name) % 64;
  }
  constexpr bool contains(takes::Name name) const { return static_cast<bool>(*this & name); }
  /// Whether the set is not empty.
  constexpr explicit operator bool() const { return (words_[0] | words_[1]) != 0; }
  friend constexpr CommandSet operator|(CommandSet a, CommandSet b) {
    return {a.words_[0] | b.words_[0], a.words_[1] | b.words_[1]};
  }
  friend constexpr CommandSet operator&(CommandSet a, CommandSet b) {
    return {a.words_[0] & b.words_[0], a.words_[1] & b.words_[1]};
  }
  friend constexpr CommandSet operator~(CommandSet a) { return {~a.words_[0], ~a.words_[1]}; }

 private:
  constexpr CommandSet(uint64_t low, uint64_t high) : words_{low, high} {}
  uint64_t words_[2] = {};
};
static_assert(static_cast<int>(takes::no_command) < 128);

namespace takes {
constexpr CommandSet operator|(Name a, Name b) { return CommandSet(a) | CommandSet(b); }
constexpr CommandSet operator|(CommandSet a, Name b) { return a | CommandSet(b); }
constexpr CommandSet operator~(Name a) { return ~CommandSet(a); }
inline constexpr CommandSet all = ~CommandSet();
}  // namespace takes

/// The type of an option's value.
enum class Kind : uint8_t { flag, integer, real, choice, text };

/// An option: `--batch_size=12`, `--batch-size 12`, `HEWN_BATCH_SIZE=12`, or `batch_size = 12` in CONFIG.toml.
struct Option {
  std::string_view name;
  Kind kind = Kind::flag;
  std::string initial;       ///< the default as text; empty: none, or as described by `derived`
  std::string derived;       ///< shown instead of the default if that depends on other values
  Domain range = Switch{};   ///< Integers or Reals of a number
  std::string_view choices;  ///< "cosine|linear|constant"; for text, the placeholder in the help: "FILE"
  std::string_view help;
  CommandSet commands = {};
  char letter = 0;                 ///< the one-letter form, or 0
  bool repeats = false;            ///< may be given several times; `Settings::list` returns all values
  bool once = false;               ///< applies to this call only: not saved with a run's configuration
  Change change = Change::always;  ///< when the value stored in a run may be changed
  std::string_view alias = {};     ///< another name that is accepted too, or none

  /// Whether it is also allowed in CONFIG.toml and the environment, unlike the general options (--help, -q, …).
  bool is_key() const { return !commands.contains(takes::no_command); }
  bool taken_by(takes::Name command) const { return commands.contains(command); }
  bool is_called(std::string_view word) const { return word == name || (word == alias && !word.empty()); }
};

/// The options under one heading of the help.
struct Section {
  std::string_view title;
  std::span<const Option> options;
};

/// A command.
struct Command {
  takes::Name bit = takes::no_command;
  std::string_view name;                  ///< "train", "data prepare"
  std::string_view arguments;             ///< as shown in the synopsis: "RUN", "FILE..."
  std::string_view summary;               ///< one line
  std::string_view about;                 ///< one or more paragraphs
  std::string_view examples;              ///< lines of "command  # what it does"
  int (*run)(const Settings&) = nullptr;  ///< returns the exit status
};

/// Used if no command is given: takes only the general options.
inline constexpr Command general_only{takes::no_command, "hewn", "", "", "", ""};

/// All sections, in the order of the help; the last one holds the general options.
std::span<const Section> sections();
/// All commands, in the order of the help.
std::span<const Command> commands();

/// The command with this name ("data prepare"), or null.
const Command* find_command(std::string_view name);
/// The call of a command: "hewn train"; without a command, "hewn".
std::string command_line(const Command& command);
/// The option with this name or alias of a command, or null. Names are in the form with underscores.
const Option* find_option(const Command& command, std::string_view name);
/// All options of a command, in the order of the table.
std::vector<const Option*> options_of(const Command& command);
/// Names of all commands that take an option with this name as a key, for "… is an option of train, plan".
std::vector<std::string> commands_with(std::string_view option);
/// The range of a number, "1 to 1048576" or "0 or more"; otherwise "".
std::string shown_range(const Option& option);
/// Splits "a|b|c" into a list.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace hewn::cli

#pragma once
// The one table behind the command line. Parser, `--help`, manual page, shell completions, docs/cli.md,
// environment variables and the keys of CONFIG.toml are all read from it, so that they cannot disagree.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::cli {

class Settings;

/// Which commands take an option, one bit each.
using CommandSet = uint32_t;
namespace takes {
inline constexpr CommandSet train = 1u << 0, sample = 1u << 1, eval = 1u << 2, plan = 1u << 3, info = 1u << 4,
                            verify = 1u << 5, data_prepare = 1u << 6, data_corpus = 1u << 7,
                            data_stats = 1u << 8, tokenizer_train = 1u << 9, tokenizer_encode = 1u << 10,
                            tokenizer_decode = 1u << 11, tokenizer_compare = 1u << 12,
                            bench_kernels = 1u << 13, bench_train = 1u << 14, bench_sample = 1u << 15,
                            completion = 1u << 16, chat = 1u << 17, export_model = 1u << 18,
                            import_model = 1u << 19;
inline constexpr CommandSet no_command = 1u << 31;  // `hewn --version`
inline constexpr CommandSet all = ~0u;
}  // namespace takes

/// What an option's value may be.
enum class Kind : uint8_t { flag, integer, real, choice, text };

/// One option: `--batch_size=12`, `--batch-size 12`, `HEWN_BATCH_SIZE=12`, or `batch_size = 12` in
/// CONFIG.toml.
struct Option {
  std::string_view name;
  Kind kind = Kind::flag;
  std::string_view initial;  ///< the default as text; empty: none, or derived as `derived` says
  std::string_view derived;  ///< shown instead of the default where that depends on something
  double least = 0;          ///< range of integer and real, both ends included
  double most = 0;
  std::string_view choices;  ///< "cosine|linear|constant"; for text, the placeholder shown in help: "FILE"
  std::string_view help;
  CommandSet commands = 0;
  char letter = 0;    ///< a one-letter form, or 0
  bool once = false;  ///< what to do this time: not part of the configuration that is saved with a run

  /// Whether it may stand in CONFIG.toml and the environment too; the general options (--help, -q, …) may
  /// not.
  bool is_key() const { return !(commands & takes::no_command); }
};

/// Options under one heading of the help.
struct Section {
  std::string_view title;
  std::span<const Option> options;
};

/// One command.
struct Command {
  CommandSet bit = 0;
  std::string_view name;                  ///< "train", "data prepare"
  std::string_view arguments;             ///< as shown in the synopsis: "RUN", "FILE..."
  std::string_view summary;               ///< one line
  std::string_view about;                 ///< a paragraph or more
  std::string_view examples;              ///< lines of "command  # what it does"
  int (*run)(const Settings&) = nullptr;  ///< returns the exit status
};

/// Stands for no command at all: it takes the general options only.
inline constexpr Command general_only{takes::no_command, "hewn", "", "", "", ""};

/// All sections, in the order of the help; the last one holds the general options.
std::span<const Section> sections();
/// All commands, in the order of the help.
std::span<const Command> commands();

/// The command of that name ("data prepare"), or null.
const Command* find_command(std::string_view name);
/// The option `name` of a command, or null. Names are in their underscore form.
const Option* find_option(const Command& command, std::string_view name);
/// All options a command takes, in table order.
std::vector<const Option*> options_of(const Command& command);
/// Names of all commands that take an option of this name as a key, for "… is an option of train, plan".
std::vector<std::string> commands_with(std::string_view option);
/// "1 to 1048576" for numbers, else "".
std::string shown_range(const Option& option);
/// "a|b|c" as a list.
std::vector<std::string> split(std::string_view text, char separator);

}  // namespace hewn::cli

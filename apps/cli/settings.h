#pragma once
// The resolved options of a call. Precedence: flags, HEWN_* environment, CONFIG.toml, defaults.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli {

/// A key and its value as text, with its source ("--seed", "HEWN_SEED", "my.toml:3:1").
struct Assignment {
  std::string key;
  std::string value;
  std::string where;
};

class Settings {
 public:
  explicit Settings(const Command& command) : command_(&command) {}

  /// Sets a value after checking type, range and choices; usage errors name `where`. Later calls
  /// override earlier ones, unless the option may be repeated and both come from the same source.
  void set(const Assignment& assignment);
  /// Sets every key that still has its default: for sources of lower precedence, applied after the higher ones.
  void fill(const std::vector<Assignment>& assignments);
  /// The `HEWN_*` variables that name a key of the command. Similar names are reported and not used.
  static std::vector<Assignment> environment(const Command& command);

  /// Every value that was set.
  std::vector<Assignment> assignments() const;

  /// Values by name. For an option without value and default, call `has` first.
  int64_t integer(std::string_view name) const;
  /// The whole numbers in a text, with commas between them. Throws usage unless each is in [least, most].
  std::vector<int64_t> integers(std::string_view name, int64_t least, int64_t most) const;
  double real(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::string text(std::string_view name) const;
  /// Whether the command has this option.
  bool takes(std::string_view name) const { return find_option(*command_, name) != nullptr; }
  /// All values of an option that may be repeated, in order. The environment and CONFIG.toml give one per line.
  std::vector<std::string> list(std::string_view name) const;
  /// Whether there is a value, given or default.
  bool has(std::string_view name) const;
  /// Whether flags, environment or a file set it.
  bool given(std::string_view name) const;
  /// The source of the value, for messages: "--n_head", "my.toml:7:1", "the default of n_head".
  std::string where(std::string_view name) const;

  /// Fails with ErrorCode::usage, naming the source, if `to_toml` could not write a key: see below.
  void require_storable() const;
  /// The resolved keys as TOML, section by section, readable as CONFIG.toml. `given_only` omits keys
  /// with default values. Fails like `require_storable`.
  std::string to_toml(bool given_only = false) const;

  const Command& command() const { return *command_; }
  std::vector<std::string> arguments;  ///< on the command line, besides options and CONFIG.toml
  std::string config;                  ///< the path of the CONFIG.toml; empty if there is none

 private:
  bool is_stored(const Option& option) const;
  struct Value {
    std::string text;
    std::string where;
  };
  const Option& option(std::string_view name) const;
  std::string value(std::string_view name) const;

  const Command* command_;
  std::map<std::string, Value, std::less<>> values_;
};

/// Whether two settings have the same value of an option; both may have none.
bool same_value(const Option& option, const Settings& one, const Settings& other);

/// Fails with ErrorCode::usage, naming the source, unless the value is UTF-8, as TOML and JSON require.
/// Directory names may contain any bytes, but a run that stored such a name could not be read again.
void require_storable(const Assignment& assignment);

/// Fails with ErrorCode::input if the value is a URL and `form` ("FILE", "[RUN]") names a file or directory,
/// since Hewn downloads nothing. The message begins with `where`.
void require_no_url(const std::string& value, std::string_view form, const std::string& where);

/// Parses all of `text` as an integer or a finite real number; returns false if it is not one.
bool parse_integer(std::string_view text, int64_t& value);
bool parse_real(std::string_view text, double& value);
/// The shortest text that reads back as the same number, always a TOML float ("1.0", "0.001", "1e-09").
std::string real_text(double value);
/// Text as a quoted TOML basic string.
std::string toml_string(std::string_view text);

}  // namespace hewn::cli

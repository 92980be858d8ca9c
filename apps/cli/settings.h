#pragma once
// The resolved options of one call: flags over HEWN_* environment over CONFIG.toml over defaults.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/cli/options.h"

namespace hewn::cli {

/// A key and its value as text, with the place it was read from ("--seed", "HEWN_SEED", "my.toml:3:1").
struct Assignment {
  std::string key;
  std::string value;
  std::string where;
};

class Settings {
 public:
  explicit Settings(const Command& command) : command_(&command) {}

  /// Sets one value after checking type, range and choices; usage error naming `where` otherwise. A later
  /// call wins.
  void set(const Assignment& assignment);
  /// Sets every key that is still at its default: for lower-ranking sources, applied after the higher ones.
  void fill(const std::vector<Assignment>& assignments);
  /// The `HEWN_*` variables that name a key of the command. Near misses of a key are reported, not used.
  static std::vector<Assignment> environment(const Command& command);

  /// Values by name. An option without value and default must be asked for with `has` first.
  int64_t integer(std::string_view name) const;
  double real(std::string_view name) const;
  bool flag(std::string_view name) const;
  std::string text(std::string_view name) const;
  /// Whether there is a value at all, given or default.
  bool has(std::string_view name) const;
  /// Whether flags, environment or a file gave it.
  bool given(std::string_view name) const;
  /// Where the value comes from, for messages: "--n_head", "my.toml:7:1", "the default of n_head".
  std::string where(std::string_view name) const;

  /// The keys as TOML, section by section: what was resolved, readable as CONFIG.toml again.
  /// `given_only` leaves out what is at its default.
  std::string to_toml(bool given_only = false) const;

  const Command& command() const { return *command_; }
  std::vector<std::string> arguments;  ///< what stands on the command line beside options and CONFIG.toml

 private:
  struct Value {
    std::string text;
    std::string where;
  };
  const Option& option(std::string_view name) const;
  std::string value(std::string_view name) const;

  const Command* command_;
  std::map<std::string, Value, std::less<>> values_;
};

/// A whole number or a finite real from all of `text`; false if it is not one.
bool parse_integer(std::string_view text, int64_t& value);
bool parse_real(std::string_view text, double& value);
/// The shortest text that reads back as the same number, always a TOML float ("1.0", "0.001", "1e-09").
std::string real_text(double value);
/// Text as a TOML basic string with quotes.
std::string toml_string(std::string_view text);

}  // namespace hewn::cli

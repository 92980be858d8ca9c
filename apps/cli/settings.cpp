#include "apps/cli/settings.h"

#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

// Variables that are not keys: for the kernels, bench kernels --compare, judge and the tests.
constexpr std::string_view no_keys[] = {"isa",       "openblas",   "blis",  "onednn",      "mkl",
                                        "nccl",      "api_key",    "slow",  "shared",      "program",
                                        "test_seed", "test_tally", "watch", "rank_sockets"};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string checked_number(const Option& option, const Assignment& a) {
  int64_t whole = 0;
  double real = 0;
  const bool integer = option.kind == Kind::integer;
  require(integer ? parse_integer(a.value, whole) : parse_real(a.value, real), a.where, ": ", option.name,
          " = '", a.value, "' is not a ", integer ? "whole number" : "number", "; give ",
          shown_range(option));
  require(allows(option.range, integer ? KeyValue(whole) : KeyValue(real)), a.where, ": ", option.name, " = ",
          a.value, " is out of range; give ", shown_range(option));
  return integer ? std::to_string(whole) : real_text(real);
}

std::string checked_flag(const Option& option, const Assignment& a) {
  const std::string word = lower(a.value);
  if (!option.choices.empty() && word == option.choices) return word;
  if (word == "true" || word == "1" || word == "yes" || word == "on") return "true";
  if (word == "false" || word == "0" || word == "no" || word == "off") return "false";
  fail(ErrorCode::usage, a.where, ": ", option.name, " = '", a.value, "' is neither true nor false",
       option.choices.empty() ? "" : join(", nor ", option.choices));
}

std::string checked_choice(const Option& option, const Assignment& a) {
  std::string word = lower(a.value);
  if (option.name.ends_with("dtype")) {
    if (word == "float32") word = "f32";
    if (word == "float64") word = "f64";
    if (word == "bfloat16") word = "bf16";
  }
  const std::vector<std::string> choices = split(option.choices, '|');
  for (const std::string& choice : choices)
    if (choice == word) return word;
  fail(ErrorCode::usage, a.where, ": ", option.name, " = '", a.value, "' is not one of ",
       choices_text(option.choices), did_you_mean(word, choices));
}

std::string checked(const Option& option, const Assignment& assignment) {
  switch (option.kind) {
    case Kind::flag: return checked_flag(option, assignment);
    case Kind::integer:
    case Kind::real: return checked_number(option, assignment);
    case Kind::choice: return checked_choice(option, assignment);
    case Kind::text: require_no_url(assignment.value, option.choices, assignment.where + ": ");
  }
  return assignment.value;
}

std::vector<std::string> names_of(const Command& command) {
  std::vector<std::string> names;
  for (const Option* option : options_of(command)) names.emplace_back(option->name);
  return names;
}

[[noreturn]] void fail_unknown(const Command& command, const Assignment& a) {
  const bool flag = a.where.starts_with('-');
  const std::vector<std::string> others = commands_with(a.key);
  const std::string synonym = known_as(command, a.key, flag ? "--" : "");
  if (others.empty() || !synonym.empty())
    fail(ErrorCode::usage, flag ? "unknown option " + a.where : a.where + ": unknown key '" + a.key + "'",
         synonym.empty() ? did_you_mean(a.key, names_of(command)) : synonym,
         flag ? join("\nSee `", command_line(command), " --help`.") : "");
  fail(ErrorCode::usage, a.where, flag ? " is an option of " : ": '" + a.key + "' is a key of ",
       list_text(others, ", "), ", not of ", command.name);
}

}  // namespace

void require_storable(const Assignment& a) {
  if (valid_utf8_prefix(a.value) == a.value.size()) return;
  fail(ErrorCode::usage, a.where, ": ", a.key, " = '", visible(a.value),
       "' is not UTF-8, so it cannot be stored with the run; rename it, or choose another");
}

void require_no_url(const std::string& value, std::string_view form, const std::string& where) {
  if (!value.starts_with("http://") && !value.starts_with("https://")) return;
  const auto named = [&](const std::string& word) { return form.find(word) != form.npos; };
  const std::vector<std::string> paths = split("FILE DIR PATH RUN SRC WHAT RESPONSES", ' ');
  if (!named("TEXT") && std::any_of(paths.begin(), paths.end(), named))
    fail(ErrorCode::input, where, value,
         " is a URL, and Hewn downloads nothing; fetch the file first: curl -LO ", shell_word(value));
}

void Settings::set(const Assignment& a) {
  const Option* option = find_option(*command_, a.key);
  if (!option) fail_unknown(*command_, a);
  require(option->is_key() || a.where.starts_with('-'), a.where, ": ", a.key,
          " can only be given on the command line, as --", a.key);
  std::string value = checked(*option, a);
  const std::string name(option->name);
  const auto earlier = values_.find(name);
  if (option->repeats && earlier != values_.end() && earlier->second.where == a.where)
    value = earlier->second.text + "\n" + value;
  values_[name] = {std::move(value), a.where};
}

void Settings::fill(const std::vector<Assignment>& assignments) {
  Settings lower_rank(*command_);
  for (const Assignment& a : assignments) lower_rank.set(a);
  values_.merge(lower_rank.values_);
}

std::vector<Assignment> Settings::environment(const Command& command) {
  std::vector<Assignment> found;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view line = *entry;
    if (!line.starts_with("HEWN_")) continue;
    const std::string_view variable = line.substr(0, line.find('='));
    const std::string key = lower(variable.substr(5));
    if (variable.size() == line.size() ||
        std::find(std::begin(no_keys), std::end(no_keys), key) != std::end(no_keys))
      continue;
    if (const Option* const option = find_option(command, key); option && option->is_key()) {
      found.push_back({key, std::string(line.substr(variable.size() + 1)), std::string(variable)});
    } else if (commands_with(key).empty()) {
      std::string hint = known_as(command, key, "");
      if (hint.empty()) hint = did_you_mean(key, names_of(command));
      if (!hint.empty()) say("note: ", variable, " is not a key of ", command.name, hint);
    }
  }
  return found;
}

std::vector<Assignment> Settings::assignments() const {
  std::vector<Assignment> all;
  for (const auto& [key, value] : values_) all.push_back({key, value.text, value.where});
  return all;
}

const Option& Settings::option(std::string_view name) const {
  const Option* found = find_option(*command_, name);
  if (!found || found->name != name)
    throw std::logic_error(join("no option '", name, "' in the table for ", command_->name));
  return *found;
}

std::string Settings::value(std::string_view name) const {
  const Option& known = option(name);
  const auto it = values_.find(name);
  return it != values_.end() ? it->second.text : std::string(known.initial);
}

int64_t Settings::integer(std::string_view name) const {
  int64_t x = 0;
  if (!parse_integer(value(name), x)) throw std::logic_error(join(name, " has no value"));
  return x;
}

std::vector<int64_t> Settings::integers(std::string_view name, int64_t least, int64_t most) const {
  std::vector<int64_t> numbers;
  for (const std::string& word : split(value(name), ',')) {
    int64_t& n = numbers.emplace_back();
    require(parse_integer(word, n) && n >= least && n <= most, where(name), ": '", word,
            "' is not a whole number from ", least, " to ", most, "; give one or more, separated by commas");
  }
  return numbers;
}

double Settings::real(std::string_view name) const {
  double x = 0;
  if (!parse_real(value(name), x)) throw std::logic_error(join(name, " has no value"));
  return x;
}

bool Settings::flag(std::string_view name) const {
  const std::string word = value(name);
  return !word.empty() && word != "false";
}

bool Settings::has(std::string_view name) const { return !value(name).empty(); }

bool Settings::given(std::string_view name) const { return values_.find(name) != values_.end(); }

std::string Settings::where(std::string_view name) const {
  const auto it = values_.find(name);
  return it != values_.end() ? it->second.where : join("the default of ", name);
}

std::string Settings::text(std::string_view name) const { return value(name); }

std::vector<std::string> Settings::list(std::string_view name) const {
  std::vector<std::string> values = split(value(name), '\n');
  std::erase(values, "");
  return values;
}

bool Settings::is_stored(const Option& option) const {
  return option.is_key() && !option.once && has(option.name);
}

void Settings::require_storable() const {
  for (const Option* known : options_of(*command_))
    if (is_stored(*known))
      cli::require_storable({std::string(known->name), value(known->name), where(known->name)});
}

std::string Settings::to_toml(bool given_only) const {
  require_storable();
  std::string out;
  for (const Section& section : sections_of(*command_)) {
    std::string lines;
    for (const Option& option : section.options) {
      if (!is_stored(option) || (given_only && !given(option.name))) continue;
      const bool quoted = option.kind == Kind::text || option.kind == Kind::choice;
      std::string shown = value(option.name);
      if (quoted) shown = toml_string(shown);
      if (option.kind == Kind::real) shown = real_text(real(option.name));
      lines += join(option.name, " = ", shown, "\n");
    }
    if (!lines.empty()) out += join(out.empty() ? "" : "\n", "# ", section.title, "\n", lines);
  }
  return out;
}

bool same_value(const Option& option, const Settings& one, const Settings& other) {
  const bool numbers = option.kind == Kind::real && one.has(option.name) && other.has(option.name);
  return numbers ? one.real(option.name) == other.real(option.name)
                 : one.text(option.name) == other.text(option.name);
}

}  // namespace hewn::cli

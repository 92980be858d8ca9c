#include "apps/cli/parse.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "apps/cli/config_file.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

std::vector<std::string> first_words() {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    const std::string word = split(command.name, ' ').front();
    if (names.empty() || names.back() != word) names.push_back(word);
  }
  return names;
}

std::vector<std::string> second_words(const std::string& group) {
  std::vector<std::string> names;
  for (const Command& command : commands()) {
    const std::vector<std::string> parts = split(command.name, ' ');
    if (parts.size() == 2 && parts[0] == group) names.push_back(parts[1]);
  }
  return names;
}

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

// Takes the word at `i` out of the words and returns it, or "" if it is missing or an option.
std::string take_word(std::vector<std::string>& words, size_t i) {
  if (i >= words.size() || is_option(words[i])) return "";
  const std::string word = words[i];
  words.erase(words.begin() + static_cast<std::ptrdiff_t>(i));
  return word;
}

// Takes the words of the command's name out of the words; general options may stand before it.
void take_command(std::vector<std::string>& words, Call& call) {
  size_t i = 0;
  while (i < words.size() && is_option(words[i])) ++i;
  const std::string first = take_word(words, i);
  if (first.empty() || (call.command = find_command(first))) return;
  const std::vector<std::string> seconds = second_words(first);
  require(!seconds.empty(), "unknown command '", first, "'", did_you_mean(first, first_words()),
          "\nSee `hewn --help` for all commands.");
  const std::string second = take_word(words, i);
  call.group = first;
  call.command = find_command(first + " " + second);
  require(second.empty() || call.command, "unknown command '", first, " ", second, "'",
          did_you_mean(second, seconds), "\nSee `hewn ", first, " --help`.");
}

bool is_truth_word(const std::string& word) {
  static constexpr std::string_view known[] = {"true", "false", "True", "False", "yes",
                                               "no",   "on",    "off",  "0",     "1"};
  return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

// `-qv` as `--quiet --verbose`; letters that take a value (`-r 9`) are left alone.
std::vector<std::string> spelt_out(const std::string& word, const Command& command) {
  std::vector<std::string> out;
  for (const char letter : word.substr(1)) {
    for (const Option* option : options_of(command))
      if (option->letter == letter && option->kind == Kind::flag)
        out.push_back(join("--", option->name, "=true"));
  }
  return out.size() == word.size() - 1 ? out : std::vector<std::string>{word};
}

// Dashes in names become underscores, and a flag gets its value joined on: `--eval-only` is
// `--eval_only=true`,
// `--bias false` is `--bias=false`.
std::vector<std::string> normalised(const std::vector<std::string>& words, const Command& command) {
  std::vector<std::string> out;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string word = words[i];
    if (word == "--") {
      out.insert(out.end(), words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
      return out;
    }
    if (is_option(word) && word[1] != '-') {
      for (const std::string& part : spelt_out(word, command)) out.push_back(part);
      continue;
    }
    if (word.starts_with("--")) {
      const size_t end = std::min(word.find('='), word.size());
      std::replace(word.begin() + 2, word.begin() + static_cast<std::ptrdiff_t>(end), '-', '_');
      const Option* option = find_option(command, std::string_view(word).substr(2, end - 2));
      if (option && end + 1 == word.size()) {  // `--start=`: CLI11 takes an empty value only on its own
        out.push_back(word.substr(0, end));
        word.clear();
      } else if (option && option->kind == Kind::flag && end == word.size()) {
        const bool follows = option->is_key() && i + 1 < words.size() && is_truth_word(words[i + 1]);
        word += "=" + (follows ? words[++i] : "true");
      }
    }
    out.push_back(word);
  }
  return out;
}

std::string value_hint(const Option& option) {
  if (option.kind == Kind::choice) return join(" (one of ", option.choices, ")");
  return join(": --", option.name, "=", option.choices);
}

// CLI11 splits the words; everything else (types, ranges, merging) is done by Settings for all sources alike.
void parse_options(const std::vector<std::string>& words, const Command& command, Call& call) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  const std::vector<const Option*> options = options_of(command);
  std::vector<std::string> values(options.size());
  std::vector<CLI::Option*> parsed;
  for (size_t i = 0; i < options.size(); ++i) {
    const Option& option = *options[i];
    std::string names = join("--", option.name);
    if (option.letter) names += join(",-", option.letter);
    CLI::Option* added = app.add_option(names, values[i]);
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    parsed.push_back(added);
  }
  app.add_option("arguments", call.arguments);
  std::vector<std::string> reversed = words;
  std::reverse(reversed.begin(), reversed.end());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError&) {
    // The one thing that can be wrong here is a missing value.
    for (size_t i = 0; i < options.size(); ++i) {
      const std::string name = join("--", options[i]->name);
      require(words.empty() || words.back() != name, name, " needs a value", value_hint(*options[i]));
    }
    fail(ErrorCode::usage, "cannot make sense of: ", words.empty() ? "" : words.back());
  }
  for (size_t i = 0; i < options.size(); ++i) {
    if (parsed[i]->count() == 0) continue;
    call.flags.push_back({std::string(options[i]->name), values[i], join("--", options[i]->name)});
  }
  for (const std::string& extra : app.remaining()) {
    if (!is_option(extra)) continue;
    const std::string name = extra.substr(0, extra.find('='));
    const std::string key = name.substr(name.find_first_not_of('-'));
    call.flags.push_back({key, "", name});  // Settings::set explains what is wrong with it
  }
}

}  // namespace

Call parse(const std::vector<std::string>& all) {
  Call call;
  std::vector<std::string> words = all;
  take_command(words, call);
  const Command& command = call.command ? *call.command : general_only;
  parse_options(normalised(words, command), command, call);
  return call;
}

Settings resolve(const Call& call) {
  Settings settings(call.command ? *call.command : general_only);
  for (const Assignment& flag : call.flags) settings.set(flag);
  if (!call.command) return settings;
  settings.fill(Settings::environment(*call.command));
  std::string config;
  for (const std::string& argument : call.arguments) {
    if (!argument.ends_with(".toml")) {
      settings.arguments.push_back(argument);
      continue;
    }
    require(config.empty(), "two configurations, ", config, " and ", argument, "; give one");
    config = argument;
    settings.fill(read_config(argument));
  }
  return settings;
}

}  // namespace hewn::cli

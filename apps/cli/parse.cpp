#include "apps/cli/parse.h"

#include <filesystem>

#include "apps/cli/config_file.h"
#include "apps/cli/shell.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/cli/words.h"
#include "core/error.h"
#include "core/io/path.h"
#include "train/tasks/task.h"

namespace hewn::cli {
namespace {

// Removes the word at `i` and returns it, or "" if it is missing or an option.
std::string take_word(std::vector<std::string>& words, size_t i) {
  if (i >= words.size() || is_option(words[i])) return "";
  const std::string word = words[i];
  words.erase(words.begin() + static_cast<std::ptrdiff_t>(i));
  return word;
}

// Index of the command's name: after preceding options and the values of general options.
size_t command_word(const std::vector<std::string>& words) {
  size_t i = 0;
  while (i < words.size() && is_option(words[i]) && words[i] != "--") {
    const Option* const option = find_option(general_only(), long_name(words[i]));
    const bool value_follows = option && option->kind != Kind::flag && words[i].find('=') == words[i].npos;
    i += value_follows ? 2 : 1;
  }
  return i;
}

// Answers `hewn finetune RUN --dataset=FILE`, whose second word is none of its commands, with calls that work.
[[noreturn]] void explain_finetune(const std::string& second, const std::vector<std::string>& words) {
  const Words given = split_words(words, options_of(*find_command("train")));
  const auto word = [&](const std::string& key, std::string value) {
    for (const GivenOption& option : given.options)
      if (option.name == key) value = option.value;
    return " " + shell_word("--" + key + "=" + value);
  };
  const std::string run = shell_word("--init_from=" + second), out = word("out_dir", "tuned");
  fail(ErrorCode::usage, "`hewn finetune` needs a task: classify, instruct or prefer.",
       "\nTo learn a text, type\nhewn train ", run, word("dataset", "FILE"), out,
       "\nTo learn the labels of a table, type\nhewn finetune classify ", run, word("data", "FILE"), out);
}

// Removes the words of the command's name.
void take_command(std::vector<std::string>& words, Call& call) {
  const size_t i = command_word(words);
  const std::string first = take_word(words, i);
  if (first.empty() || (call.command = find_command(first))) return;
  const std::vector<std::string> seconds = words_after(first);
  const std::string synonym = command_known_as(first);
  require(!seconds.empty(), "unknown command '", first, "'",
          synonym.empty() ? did_you_mean(first, words_after("")) : synonym,
          "\nSee `hewn --help` for all commands.");
  const std::string second = take_word(words, i);
  call.group = first;
  call.command = find_command(first + " " + second);
  if (first == "finetune" && !second.empty() && !call.command && did_you_mean(second, seconds).empty())
    explain_finetune(second, words);
  require(second.empty() || call.command, "unknown command '", first, " ", second, "'",
          did_you_mean(second, seconds), "\nSee `hewn ", first, " --help`.");
}

// The keys of a configuration that `command` reads. A configuration describes a training run, as does the one that a
// run keeps: commands that do not train skip the keys of `train` that they do not have.
std::vector<Assignment> read_config_for(const Command& command, const std::string& path) {
  const Command& train = *find_command("train");
  std::vector<Assignment> keys = read_config(path, true);
  std::erase_if(
      keys, [&](const Assignment& a) { return !find_option(command, a.key) && find_option(train, a.key); });
  return keys;
}

// The fine-tuned run that a path RUN/config.toml means for a command that does not fine-tune, else "". The file alone
// describes no model: that is in the run's checkpoints.
std::string tuned_run_of(const fs::path& config, const Command& command) {
  if (find_option(command, "data") || config.filename() != "config.toml") return "";
  const fs::path run = config.has_parent_path() ? config.parent_path() : ".";
  return path_exists(run / task_file) ? run.string() : "";
}

}  // namespace

std::vector<std::string> words_after(const std::string& group) {
  std::vector<std::string> words;
  for (const Command& command : commands()) {
    const std::vector<std::string> parts = split(command.name, ' ');
    const std::string word = group.empty()                            ? parts[0]
                             : parts[0] == group && parts.size() == 2 ? parts[1]
                                                                      : "";
    if (!word.empty() && (words.empty() || words.back() != word)) words.push_back(word);
  }
  return words;
}

Call parse(const std::vector<std::string>& all) {
  Call call;
  std::vector<std::string> words = all;
  take_command(words, call);
  Words given = split_words(words, options_of(call.command ? *call.command : general_only()));
  for (GivenOption& option : given.options)
    call.flags.push_back({std::move(option.name), std::move(option.value), std::move(option.typed)});
  call.arguments = std::move(given.arguments);
  return call;
}

Settings resolve(const Call& call) {
  Settings settings(call.command ? *call.command : general_only());
  for (const Assignment& flag : call.flags) settings.set(flag);
  if (!call.command) return settings;
  settings.fill(Settings::environment(*call.command));
  std::string config;
  for (const std::string& argument : call.arguments) {
    require_no_url(argument, call.command->arguments, "");
    if (!argument.ends_with(".toml")) {
      settings.arguments.push_back(argument);
      continue;
    }
    if (const std::string run = tuned_run_of(argument, *call.command); !run.empty()) {
      settings.arguments.push_back(run);
      continue;
    }
    require(config.empty(), "two configurations were given, ", config, " and ", argument, "; give one");
    config = argument;
    settings.fill(read_config_for(*call.command, argument));
  }
  settings.config = config;
  return settings;
}

}  // namespace hewn::cli

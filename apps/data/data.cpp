// hewn data prepare, data stats.

#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/shell.h"
#include "apps/cli/terminal.h"
#include "apps/run/input.h"
#include "apps/run/run_config.h"
#include "core/error.h"
#include "core/io/path.h"
#include "core/text.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

// Into how many files tokens were divided, if at all.
std::string in_files(int64_t files) { return files > 1 ? " in " + long_count(files) + " files" : ""; }

}  // namespace

int run_data_prepare(const Settings& settings) {
  require(!settings.arguments.empty(), "no text was given; use `hewn data prepare FILE... --out_dir=DIR`");
  DataOptions options{.dataset = list_text(settings.arguments, ","),
                      .val = settings.text("val"),
                      .val_fraction = settings.real("val_fraction"),
                      .tokenizer = settings.text("tokenizer"),
                      .vocab_size = settings.has("vocab_size") ? settings.integer("vocab_size") : 0,
                      .specials = specials_of(settings)};
  const std::string directory = settings.text("out_dir");
  require_storable(
      {"out_dir", absolute_path(directory), settings.where("out_dir")});  // a run notes its dataset
  const PreparedData made =
      prepare_data(options, directory, settings.flag("force"), settings.integer("shard_tokens"));
  say_notes({made.note});
  if (settings.flag("json")) {
    print(json_text(Json{{"out_dir", directory},
                         {"train_tokens", made.train_tokens},
                         {"val_tokens", made.val_tokens},
                         {"train_files", made.train_files},
                         {"val_files", made.val_files},
                         {"vocab_size", made.vocab_size},
                         {"aligned", made.aligned}},
                    2),
          "\n");
    return 0;
  }
  std::vector<std::string> texts = settings.arguments;
  texts.push_back(options.val);
  note_structured_files(texts);
  say(directory, ": ", long_count(made.train_tokens), " tokens for training", in_files(made.train_files),
      ", ", long_count(made.val_tokens), " for validation", in_files(made.val_files), ", vocabulary of ",
      long_count(made.vocab_size), made.aligned ? ", aligned to documents" : "");
  say_next(program(), " train ", shell_word("--dataset=" + directory), " ",
           shell_word("--out_dir=" + directory + "-run"));
  return 0;
}

int run_data_stats(const Settings& settings) {
  require(!settings.arguments.empty(), "no data was given; use `hewn data stats FILE|DIR`");
  const DataStats stats =
      data_stats({.dataset = list_text(settings.arguments, ","), .val = "", .tokenizer = ""});
  Json all;
  const auto add = [&](const char* key, int64_t n) {
    if (n > 0) all[key] = n;
  };
  add("bytes", stats.bytes);
  add("characters", stats.characters);
  add("distinct_characters", stats.distinct_characters);
  add("lines", stats.lines);
  add("longest_line", stats.longest_line);
  add("train_tokens", stats.train_tokens);
  add("val_tokens", stats.val_tokens);
  add("vocab_size", stats.vocab_size);
  add("documents", stats.documents);
  if (stats.tokens_per_character) all["tokens_per_character"] = *stats.tokens_per_character;
  if (stats.nats_per_character) all["nats_per_character"] = *stats.nats_per_character;
  if (settings.flag("json")) {
    print(json_text(all, 2), "\n");
    return 0;
  }
  std::vector<std::vector<std::string>> rows = {{"", ""}};
  for (const auto& [key, value] : all.items())
    rows.push_back(
        {key, value.is_number_integer() ? long_count(value.get<int64_t>()) : fixed(value.get<double>(), 6)});
  rows.erase(rows.begin());
  print(table_text(rows));
  return 0;
}

}  // namespace hewn::cli

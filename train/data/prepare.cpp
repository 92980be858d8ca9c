#include <algorithm>
#include <filesystem>

#include "core/error.h"
#include "core/io/checksum.h"
#include "model/tokenizer/utf8.h"
#include "train/data/corpus.h"
#include "train/data/data.h"
#include "train/data/data_set_files.h"
#include "train/data/sources.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;

struct WrittenSide {
  int64_t tokens = 0, files = 0;
};

/// The texts of one side of the data.
struct Side {
  std::vector<std::string_view> texts;

  uint64_t bytes() const {
    uint64_t sum = 0;
    for (const std::string_view text : texts) sum += text.size();
    return sum;
  }

  /// Writes the token files of a side. Returns the number of tokens and of files.
  WrittenSide write(NewDataSet& to, SplitSide which, const Tokenizer& tokenizer, bool tales,
                    Specials specials, int64_t shard_tokens) const {
    const std::string name = token_file_name(which);
    const Doing writing("writing ", name);
    TokenFileInfo info;
    info.vocab_size = tokenizer.vocab_size();
    info.tokenizer_hash = from_hex(tokenizer.hash());
    if (tales) info.separator = line_end_id(tokenizer, name);
    TokenFilesWriter writer(to.directory(), which, info, shard_tokens);
    int64_t line_ends = 0;
    for (const std::string_view text : texts) {
      TextEncoder(tokenizer).each_piece(text, specials, [&](const std::vector<int32_t>& ids) {
        writer.append(ids);
        if (tales) line_ends += std::count(ids.begin(), ids.end(), *info.separator);
      });
    }
    std::optional<double> neg_log_prob;
    if (tales) {
      TalesScore score;
      for (const std::string_view text : texts) score += score_tales(text);
      check_line_ends(line_ends, score.tales, name);
      neg_log_prob = score.neg_log_prob;
    }
    writer.describe_text(bytes(), neg_log_prob);
    const auto files = writer.commit();
    for (const auto& [file, sum] : files) to.add(file, sum);
    return {writer.count(), std::ssize(files)};
  }
};

/// Throws if a text has the name of a file of the data set, which would replace it.
void refuse_own_texts(const DataOptions& options, const Sources& sources, const std::string& directory) {
  std::vector<std::string> texts{options.val};
  for (const Source& source : sources.parts) texts.push_back(source.part.spec);
  for (const std::string& name : data_files_in(directory, ErrorCode::failed))
    for (const std::string& text : texts) {
      const std::string path = directory + "/" + name;
      std::error_code none;  // one of them does not exist
      require(text.empty() || !fs::equivalent(text, path, none), path,
              " is one of the texts and would be replaced; write to another directory");
    }
}

void count_text(const std::vector<std::string_view>& texts, DataStats& stats) {
  std::vector<bool> seen(0x110000);
  for (const std::string_view text : texts) {
    stats.bytes += std::ssize(text);
    stats.lines += text.back() == '\n' ? 0 : 1;
    int64_t line = 0;
    for (size_t at = 0; at < text.size();) {
      const CodePoint c = decode_utf8(text, at);
      at += std::max<size_t>(c.bytes, 1);
      ++stats.characters;
      if (c.bytes > 0) seen[c.value] = true;
      line = c.value == U'\n' ? 0 : line + 1;
      stats.lines += line == 0 ? 1 : 0;
      stats.longest_line = std::max(stats.longest_line, line);
    }
  }
  stats.distinct_characters = std::count(seen.begin(), seen.end(), true);
}

}  // namespace

PreparedData prepare_data(const DataOptions& options, const std::string& directory, bool force,
                          int64_t shard_tokens) {
  const Sources sources = open_sources(options);
  Side train, val;
  bool tales = true;
  for (const Source& source : sources.parts) {
    if (!source.text) {
      fail(ErrorCode::input, source.part.spec,
           ": is a directory; `data prepare` expects text files, or `tales`");
    }
    const TextSides sides = split_text(*source.text, sources.val ? 0 : options.val_fraction);
    train.texts.push_back(sides.train);
    val.texts.push_back(sides.val);
    tales = tales && source.text->is_tales();
  }
  if (sources.val) {
    val.texts.push_back(sources.val->text());
    tales = tales && sources.val->is_tales();
  }
  refuse_own_texts(options, sources, directory);
  const std::shared_ptr<const Tokenizer> tokenizer = choose_tokenizer(options, sources);
  NewDataSet made(directory, force);
  PreparedData result;
  result.vocab_size = tokenizer->vocab_size();
  result.aligned = tales;
  made.add("tokenizer.json", tokenizer->save(made.file("tokenizer.json")));
  const SpecialsFound found = find_specials(*tokenizer, texts_of(sources), options.specials);
  result.note = found.note;
  if (found.end)
    made.add(text_form_file, write_file_atomically(made.file(text_form_file),
                                                   to_json(form_of_stream(*tokenizer, *found.end)) + "\n"));
  const WrittenSide of_train =
      train.write(made, SplitSide::train, *tokenizer, tales, options.specials, shard_tokens);
  const WrittenSide of_val =
      val.write(made, SplitSide::val, *tokenizer, tales, options.specials, shard_tokens);
  result.train_tokens = of_train.tokens, result.train_files = of_train.files;
  result.val_tokens = of_val.tokens, result.val_files = of_val.files;
  made.publish();
  return result;
}

DataStats data_stats(const DataOptions& options) {
  DataStats stats;
  const Sources sources = open_sources(options);
  const std::vector<std::string_view> texts = texts_of(sources);
  count_text(texts, stats);
  const Dataset data = open_dataset(options);
  stats.train_tokens = data.train_tokens();
  stats.val_tokens = data.val_tokens();
  stats.vocab_size = data.vocab_size;
  double nats = 0;
  bool nats_known = true;
  for (const auto* side : {&data.train, &data.val}) {
    for (const Split& split : *side) {
      stats.documents += split.separator ? std::ssize(split.documents) - 1 : 0;
      nats += split.neg_log_prob.value_or(0);
      nats_known = nats_known && split.neg_log_prob.has_value();
    }
  }
  const bool only_texts = texts.size() == sources.parts.size() + (sources.val ? 1 : 0);
  if (only_texts) {
    stats.tokens_per_character =
        static_cast<double>(stats.train_tokens + stats.val_tokens) / static_cast<double>(stats.characters);
  }
  if (nats_known) {
    const auto characters = only_texts ? stats.characters : stats.train_tokens + stats.val_tokens;
    stats.nats_per_character = nats / static_cast<double>(characters);
  }
  return stats;
}

}  // namespace hewn

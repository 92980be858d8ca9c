#include "train/data/sources.h"

#include <algorithm>
#include <charconv>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "core/io/path.h"

namespace hewn {
namespace {

double parse_weight(std::string_view text, const std::string& dataset) {
  double weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  require(error == std::errc() && end == text.data() + text.size() && weight > 0 && weight < 1e9,
          "dataset \"", dataset, "\": \"", text,
          "\" is not a weight; expected a mixture as NAME:WEIGHT,NAME:WEIGHT, with weights above 0");
  return weight;
}

Source open_part(const DatasetPart& part, const DataOptions& options) {
  if (part.spec == "tales" && !path_exists(part.spec))
    return {part, TextSource::tales(options.tales, options.tales_seed)};
  if (path_is_directory(part.spec)) {
    if (const std::string texts = texts_inside(part.spec); !texts.empty() && !is_data_directory(part.spec))
      fail(ErrorCode::input, part.spec, ": is a directory without token files (train.bin)", texts);
    return {part, std::nullopt, DataSetFiles(part.spec)};
  }
  if (!path_exists(part.spec)) {
    fail(ErrorCode::input, "dataset \"", part.spec,
         "\": no such file or directory; expected a text file, a directory made by hewn data prepare, "
         "`tales` for the built-in corpus, or a mixture A:0.7,B:0.3");
  }
  return {part, TextSource::file(part.spec, options.accepted)};
}

/// Loads an existing tokenizer, whose vocabulary size is fixed.
std::shared_ptr<const Tokenizer> made_before(const std::string& path, const DataOptions& options) {
  std::shared_ptr<const Tokenizer> tokenizer = load_tokenizer(path);
  require(options.vocab_size == 0 || options.vocab_size == tokenizer->vocab_size(),
          "vocab_size = ", options.vocab_size, ", but ", path, " is a trained tokenizer with ",
          tokenizer->vocab_size(), " tokens; ",
          "leave vocab_size out, or learn another tokenizer with --tokenizer=word or bpe");
  return tokenizer;
}

}  // namespace

std::vector<DatasetPart> parse_dataset(const std::string& dataset) {
  require(!dataset.empty(), "dataset is empty; give a text file, or `tales` for the built-in corpus");
  if (word_is_path(dataset)) return {{dataset, 1}};
  std::vector<DatasetPart> parts;
  for (size_t at = 0; at <= dataset.size();) {
    const size_t comma = std::min(dataset.find(',', at), dataset.size());
    const std::string item = dataset.substr(at, comma - at);
    at = comma + 1;
    const size_t colon = item.rfind(':');
    if (word_is_path(item) || colon == std::string::npos) {
      parts.push_back({item, 1});
    } else {
      parts.push_back(
          {item.substr(0, colon), parse_weight(std::string_view(item).substr(colon + 1), dataset)});
    }
    require(!parts.back().spec.empty(), "dataset \"", dataset, "\": a name is missing");
  }
  return parts;
}

Sources open_sources(const DataOptions& options) {
  Sources sources;
  for (const DatasetPart& part : parse_dataset(options.dataset))
    sources.parts.push_back(open_part(part, options));
  if (!options.val.empty()) sources.val = TextSource::file(options.val, options.accepted);
  return sources;
}

std::vector<std::string_view> texts_of(const Sources& sources) {
  std::vector<std::string_view> texts;
  for (const Source& source : sources.parts)
    if (source.text) texts.push_back(source.text->text());
  if (sources.val) texts.push_back(sources.val->text());
  return texts;
}

std::shared_ptr<const Tokenizer> choose_tokenizer(const DataOptions& options, const Sources& sources) {
  const std::vector<std::string_view> texts = texts_of(sources);
  std::string prepared;  // the first directory with a tokenizer
  bool bare = false;     // a directory without one
  for (const Source& source : sources.parts) {
    if (source.text) continue;
    const std::string own = source.files->path("tokenizer.json");
    if (!path_exists(own))
      bare = true;
    else if (prepared.empty())
      prepared = own;
  }

  const auto kinds = tokenizer_kinds();
  const bool by_kind = std::find(kinds.begin(), kinds.end(), options.tokenizer) != kinds.end();
  if (!options.tokenizer.empty() && !by_kind) {
    require(path_exists(options.tokenizer), "tokenizer \"", options.tokenizer,
            "\": is neither a file nor a kind of tokenizer; expected char, byte, word, regex, bpe or a "
            "tokenizer.json");
    return made_before(options.tokenizer, options);
  }
  if (!by_kind && !prepared.empty()) return made_before(prepared, options);
  if (texts.empty()) {
    require(!by_kind, "tokenizer ", options.tokenizer,
            ": cannot be learned, because the dataset consists of token files without text; give a tokenizer "
            "file instead");
    return nullptr;
  }
  require(!bare, "dataset \"", options.dataset,
          "\": mixes text with token files that have no tokenizer.json; give the tokenizer that made them "
          "with --tokenizer=PATH");
  const Doing making("learning the tokenizer from ", options.dataset,
                     sources.val ? " and " + options.val : "");
  return train_tokenizer(by_kind ? options.tokenizer : "char", texts,
                         {.vocab_size = options.vocab_size, .specials = options.specials});
}

TextSides split_text(const TextSource& source, double val_fraction) {
  const std::string_view text = source.text();
  const size_t cut = training_bytes(text, val_fraction, source.is_tales());
  return {text.substr(0, cut), text.substr(cut)};
}

int32_t line_end_id(const Tokenizer& tokenizer, const std::string& name) {
  const std::vector<int32_t> ids = TextEncoder(tokenizer).more("\n");
  if (ids.size() != 1 || tokenizer.piece(ids[0]) != "\n")
    fail(ErrorCode::input, name,
         ": its lines are documents, but the tokenizer has no separate token for a newline; use "
         "--tokenizer=char");
  return ids[0];
}

void check_line_ends(int64_t found, int64_t lines, const std::string& name) {
  if (found == lines) return;
  fail(ErrorCode::input, name, ": its ", lines, " lines are documents, but the tokenizer produces ", found,
       " newline tokens, since it joins newlines with other characters; use --tokenizer=char");
}

}  // namespace hewn

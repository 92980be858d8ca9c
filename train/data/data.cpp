#include "train/data/data.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/io/checksum.h"
#include "train/data/corpus.h"
#include "train/data/sources.h"

namespace hewn {
namespace {

/// `tales`: the text consists of tales, which are documents.
Split encode_split(const std::string& name, std::string_view text, const Tokenizer& tokenizer, bool tales,
                   Specials specials) {
  const Doing encoding("encoding ", name);
  Split split;
  split.name = name;
  split.text_bytes = text.size();
  std::vector<int32_t> ids;
  TextEncoder(tokenizer).each_piece(text, specials, [&](const std::vector<int32_t>& some) {
    ids.insert(ids.end(), some.begin(), some.end());
  });
  split.tokens = Tokens(std::move(ids));
  if (tales) {
    const TalesScore score = score_tales(text);
    split.neg_log_prob = score.neg_log_prob;
    split.separator = line_end_id(tokenizer, name);
    split.find_documents();
    check_line_ends(std::ssize(split.documents) - 1, score.tales, name);
  }
  return split;
}

void add_text(Dataset& data, const TextSource& text, double weight, double val_fraction, Specials specials) {
  const TextSides sides = split_text(text, val_fraction);
  data.train.push_back(
      encode_split(text.name() + " (training)", sides.train, *data.tokenizer, text.is_tales(), specials));
  data.weights.push_back(weight);
  if (sides.val.empty()) return;
  data.val.push_back(
      encode_split(text.name() + " (validation)", sides.val, *data.tokenizer, text.is_tales(), specials));
  data.val_weights.push_back(weight);
}

/// Reads the token files of one side into a split and checks that they were encoded by the dataset's tokenizer.
Split open_split(Dataset& data, const DataSetFiles& files, SplitSide side) {
  const std::vector<ListedFile> listed = files.token_files(side);
  const std::string path = shown_name(listed);
  TokenFile file = open_token_files(listed);
  if (data.tokenizer != nullptr) {
    const bool known = file.info.tokenizer_hash != 0;
    const std::string hash = to_hex(file.info.tokenizer_hash);
    if (known && hash != data.tokenizer->hash() && !extends(*data.tokenizer, file.info.vocab_size, hash)) {
      fail(ErrorCode::input, path, ": was made with tokenizer ", hash, ", but tokenizer ",
           data.tokenizer->hash(), " is in use; prepare the data with the latter, or start a new run");
    }
    if (file.info.vocab_size > data.tokenizer->vocab_size()) {
      fail(ErrorCode::input, path, ": contains token ids up to ", file.info.vocab_size - 1,
           ", but the tokenizer in use has only ", data.tokenizer->vocab_size(),
           " tokens; give the tokenizer that made the file");
    }
  }
  data.vocab_size = std::max<int64_t>(data.vocab_size, file.info.vocab_size);
  Split split;
  split.name = path;
  split.tokens = std::move(file.tokens);
  split.separator = file.info.separator;
  split.text_bytes = file.info.text_bytes;
  split.neg_log_prob = file.info.neg_log_prob;
  split.find_documents();
  return split;
}

void add_directory(Dataset& data, const DataSetFiles& files, double weight, bool with_val) {
  data.train.push_back(open_split(data, files, SplitSide::train));
  data.weights.push_back(weight);
  if (!with_val) return;
  Split val = open_split(data, files, SplitSide::val);
  if (val.tokens.size() == 0) return;
  data.val.push_back(std::move(val));
  data.val_weights.push_back(weight);
}

uint64_t hash_of(const Dataset& data) {
  Checksum sum;
  std::vector<int32_t> some(size_t{1} << 16);
  for (const auto* side : {&data.train, &data.val}) {
    for (const Split& split : *side) {
      const int64_t shape[2] = {split.tokens.size(), split.separator.value_or(-1)};
      sum.update(shape, sizeof shape);
      for (int64_t at = 0; at < split.tokens.size(); at += std::ssize(some)) {
        const int64_t n = std::min(std::ssize(some), split.tokens.size() - at);
        split.tokens.copy(at, n, some.data());
        sum.update(some.data(), static_cast<size_t>(n) * sizeof(int32_t));
      }
    }
  }
  return sum.value();
}

std::vector<WeightedSplit> weighted(const std::vector<Split>& splits, const std::vector<double>& weights) {
  std::vector<WeightedSplit> result;
  for (size_t i = 0; i < splits.size(); ++i) result.push_back({&splits[i], weights[i]});
  return result;
}

int64_t token_count(const std::vector<Split>& splits) {
  int64_t sum = 0;
  for (const Split& split : splits) sum += split.tokens.size();
  return sum;
}

/// What the texts and the token files say about how documents begin and end.
void find_form(Dataset& data, const Sources& sources, Specials specials) {
  const SpecialsFound found = find_specials(*data.tokenizer, texts_of(sources), specials);
  data.notes.push_back(found.note);
  if (found.end) data.text_form = form_of_stream(*data.tokenizer, *found.end);
  for (const Source& source : sources.parts)
    if (source.files && !data.text_form) data.text_form = source.files->text_form(data.vocab_size);
  if (!data.text_form) return;
  for (auto* side : {&data.train, &data.val})
    for (Split& split : *side) split.marker = data.text_form->begin;
}

Dataset open_found(const Sources& sources, const DataOptions& options,
                   std::shared_ptr<const Tokenizer> tokenizer) {
  Dataset data;
  data.tokenizer = tokenizer != nullptr ? std::move(tokenizer) : choose_tokenizer(options, sources);
  if (!options.unknown.empty())
    data.tokenizer =
        meet_texts(data.tokenizer, texts_of(sources), options.unknown, data.notes.emplace_back());
  for (const Source& source : sources.parts) {
    if (source.text) {
      add_text(data, *source.text, source.part.weight, sources.val ? 0 : options.val_fraction,
               options.specials);
    } else {
      add_directory(data, *source.files, source.part.weight, !sources.val);
    }
  }
  if (sources.val) {
    data.val.push_back(encode_split(sources.val->name(), sources.val->text(), *data.tokenizer,
                                    sources.val->is_tales(), options.specials));
    data.val_weights.push_back(1);
  }
  if (data.tokenizer != nullptr) {
    data.vocab_size = data.tokenizer->vocab_size();
    const auto& separator = data.train[0].separator;
    if (separator && std::all_of(data.train.begin(), data.train.end(),
                                 [&](const Split& split) { return split.separator == separator; }))
      data.text_form = form_of_documents(*data.tokenizer, *separator);
    else
      find_form(data, sources, options.specials);
  }
  data.hash = hash_of(data);
  return data;
}

}  // namespace

Dataset open_dataset(const DataOptions& options, std::shared_ptr<const Tokenizer> tokenizer) {
  for (int tries = 1;; ++tries) {
    const Sources sources = open_sources(options);
    try {
      return open_found(sources, options, tokenizer);
    } catch (const Error&) {
      const auto any_files = [&](const auto& condition) {
        return std::any_of(sources.parts.begin(), sources.parts.end(),
                           [&](const Source& source) { return source.files && condition(*source.files); });
      };
      if (!any_files([](const DataSetFiles&) { return true; }) ||
          !worth_another_try(tries, any_files([](const DataSetFiles& files) { return files.replaced(); })))
        throw;
    }
  }
}

std::string data_damage(const std::string& directory) {
  try {
    (void)open_dataset({.dataset = directory});
    return {};
  } catch (const Error& error) {
    if (error.code() != ErrorCode::input) throw;
    return error.what();
  }
}

void Dataset::score_as(const TextForm& form) {
  for (Split& split : val) {
    if (split.separator || (split.marker && split.marker == form.begin)) continue;
    split.begin = form.begin;
    if (!form.own_windows) continue;
    split.separator = form.begin;
    split.find_documents();
  }
}

Dataset open_validation(const std::string& file, std::shared_ptr<const Tokenizer> tokenizer,
                        const std::optional<TextForm>& form, Specials specials) {
  const TextSource text = TextSource::file(file);
  Dataset data;
  data.tokenizer = std::move(tokenizer);
  data.text_form = form;
  const bool tales = text.is_tales() && form && form->own_windows;
  data.val.push_back(encode_split(text.name(), text.text(), *data.tokenizer, tales, specials));
  const std::string_view whole = text.text();
  const SpecialsFound found = find_specials(*data.tokenizer, {&whole, 1}, specials);
  data.notes.push_back(found.note);
  data.val[0].marker = found.end;
  data.score_as(data.texts().form());
  data.val_weights.push_back(1);
  data.vocab_size = data.tokenizer->vocab_size();
  data.hash = hash_of(data);
  return data;
}

std::vector<WeightedSplit> Dataset::train_splits() const { return weighted(train, weights); }
std::vector<WeightedSplit> Dataset::val_splits() const { return weighted(val, val_weights); }
int64_t Dataset::train_tokens() const { return token_count(train); }
int64_t Dataset::val_tokens() const { return token_count(val); }

int64_t Dataset::longest_document() const {
  int64_t longest = 0;
  for (const auto* side : {&train, &val}) {
    for (const Split& split : *side) {
      if (split.separator) longest = std::max(longest, split.longest_document());
    }
  }
  return longest;
}

std::optional<double> Dataset::val_floor() const {
  double nats = 0;
  for (const Split& split : val) {
    if (!split.separator || !split.neg_log_prob) return std::nullopt;
    nats += *split.neg_log_prob;
  }
  if (val_tokens() == 0) return std::nullopt;
  return nats / static_cast<double>(val_tokens());
}

std::optional<double> Dataset::val_bytes_per_token() const {
  uint64_t bytes = 0;
  for (const Split& split : val) {
    if (split.text_bytes == 0) return std::nullopt;
    bytes += split.text_bytes;
  }
  if (val_tokens() == 0) return std::nullopt;
  return static_cast<double>(bytes) / static_cast<double>(val_tokens());
}

}  // namespace hewn

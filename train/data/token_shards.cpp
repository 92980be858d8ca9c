#include "train/data/token_shards.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <map>
#include <tuple>
#include <utility>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/path.h"

namespace hewn {
namespace {

constexpr std::string_view remedy = "; restore it, or make the data again";
constexpr int64_t most_shards = 10000;

std::string_view word_of(SplitSide side) { return side == SplitSide::train ? "train" : "val"; }

/// What a token file's name says.
struct ParsedName {
  std::string data_set;  ///< llm.c's NAME_; "" for the files of `data prepare`
  SplitSide side = SplitSide::train;
  std::optional<int64_t> number = std::nullopt;  ///< of a shard
};

/// The number at the end of `stem`, which is removed together with the separator before it.
std::optional<int64_t> take_number(std::string_view& stem, char separator) {
  const size_t at = stem.rfind(separator);
  if (at == std::string_view::npos) return std::nullopt;
  int64_t number = 0;
  const std::string_view digits = stem.substr(at + 1);
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc()) return std::nullopt;
  stem = stem.substr(0, at);
  return number;
}

std::optional<ParsedName> parsed(const std::string& name) {
  for (const SplitSide side : {SplitSide::train, SplitSide::val}) {
    if (name == token_file_name(side)) return ParsedName{"", side};
    if (!name.ends_with(".bin")) continue;
    std::string_view stem = std::string_view(name).substr(0, name.size() - 4);
    if (const auto number = take_number(stem, '-'); number && name == shard_name(side, *number))
      return ParsedName{"", side, number};
    stem = std::string_view(name).substr(0, name.size() - 4);
    const auto number = take_number(stem, '_');
    const std::string_view word = word_of(side);
    if (!stem.ends_with(word)) continue;
    const std::string_view data_set = stem.substr(0, stem.size() - word.size());
    if (data_set.size() > 1 && data_set.ends_with('_'))
      return ParsedName{std::string(data_set), side, number};
  }
  return std::nullopt;
}

struct FoundFile {
  std::optional<int64_t> number;
  std::string name;
  bool operator<(const FoundFile& other) const {
    return std::tie(number, name) < std::tie(other.number, other.name);
  }
};

/// The names in the order of their numbers; throws unless these are consecutive.
std::vector<std::string> in_order(const std::string& directory, std::vector<FoundFile> files,
                                  int64_t largest_first) {
  std::sort(files.begin(), files.end());  // without a number first
  std::vector<std::string> names;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto& [number, name] = files[i];
    const std::string path = directory + "/" + name;
    if (i == 0) {
      if (number.value_or(0) > largest_first)
        fail(ErrorCode::input, path, ": is the first existing shard; the shards before it are missing",
             remedy);
    } else if (const auto& before = files[i - 1]; !before.number) {
      fail(ErrorCode::input, path, ": is a shard, but ", before.name,
           " next to it is a whole sequence; move the file that does not belong to the data set elsewhere");
    } else if (*number == *before.number) {
      fail(ErrorCode::input, path, ": has the same number as ", before.name,
           "; move the one that does not belong to the data set elsewhere");
    } else if (*number != *before.number + 1) {
      fail(ErrorCode::input, path, ": follows ", before.name, ", but the shard between them is missing",
           remedy);
    }
    names.push_back(name);
  }
  return names;
}

/// Throws unless the file can continue the sequence that begins with the file at `first_path`.
void require_same(const TokenFile& first, const std::string& first_path, const TokenFile& file,
                  const std::string& path) {
  const auto differs = [&](const auto& what, const auto& own, const auto& expected) {
    fail(ErrorCode::input, path, ": is not a shard of the same data as ", first_path, ": its ", what, " is ",
         own, ", not ", expected, "; move the files of the other data set elsewhere, or make the data again");
  };
  const auto id = [](const std::optional<int32_t>& separator) {
    return separator ? std::to_string(*separator) : std::string("none");
  };
  if (file.format != first.format)
    differs("format", description_of(file.format), description_of(first.format));
  if (file.format == TokenFormat::nanogpt) return;  // their vocabulary is that of the ids that occur
  if (file.info.tokenizer_hash != first.info.tokenizer_hash)
    differs("tokenizer", to_hex(file.info.tokenizer_hash), to_hex(first.info.tokenizer_hash));
  if (file.info.vocab_size != first.info.vocab_size)
    differs("vocabulary size", file.info.vocab_size, first.info.vocab_size);
  if (file.info.separator != first.info.separator)
    differs("document separator", id(file.info.separator), id(first.info.separator));
}

/// Throws unless the file was written as number `number` of `count`. Only Hewn's files record that.
void require_place(const TokenFile& file, const std::string& path, size_t number, size_t count) {
  if (file.format != TokenFormat::hewn) return;
  if (file.shard.number != number)
    fail(ErrorCode::input, path, ": was written as shard ", file.shard.number,
         ", but its name makes it shard ", number, "; restore its name, or prepare the data again");
  const bool last = number + 1 == count;
  if (file.shard.followed && last)
    fail(ErrorCode::input, path, ": was written as a shard before another one, which is missing", remedy);
  if (!file.shard.followed && !last)
    fail(ErrorCode::input, path,
         ": was written as the last shard, but others follow; move the files of the other data set "
         "elsewhere, or "
         "prepare the data again");
}

}  // namespace

// ---- names ----------------------------------------------------------------------------------------------

std::string token_file_name(SplitSide side) { return std::string(word_of(side)) + ".bin"; }

std::string shard_name(SplitSide side, int64_t number) {
  char digits[24];
  std::snprintf(digits, sizeof digits, "%03lld", static_cast<long long>(number));
  return join(word_of(side), "-", digits, ".bin");
}

bool is_token_file_name(std::string_view name) {
  const auto found = parsed(std::string(name));
  return found && found->data_set.empty();
}

bool is_any_token_file_name(std::string_view name) { return parsed(std::string(name)).has_value(); }

TokenFileNames find_token_files(const std::string& directory, const std::vector<std::string>& names) {
  std::map<std::string, std::vector<FoundFile>> train, val;  // by data set
  for (const std::string& name : names)
    if (const auto found = parsed(name))
      (found->side == SplitSide::train ? train : val)[found->data_set].push_back({found->number, name});
  std::string data_set;
  if (!train.contains("") && !val.contains("")) {
    std::vector<std::string> all;
    for (const auto* side : {&train, &val})
      for (const auto& [name, files] : *side) all.push_back(name);
    if (all.empty()) all = {""};
    data_set = all.front();
    for (const std::string& other : all)
      if (other != data_set)
        fail(ErrorCode::input, directory, ": holds token files of two data sets, ", data_set, "* and ", other,
             "*; move those of one of them to another directory");
  }
  // llm.c numbers the shards of both sides together, and its first one is for validation.
  const int64_t largest_first = data_set.empty() ? 0 : 1;
  TokenFileNames result{in_order(directory, train[data_set], largest_first),
                        in_order(directory, val[data_set], largest_first)};
  if (result.train.empty()) result.train.push_back(data_set + token_file_name(SplitSide::train));
  if (result.val.empty()) result.val.push_back(data_set + token_file_name(SplitSide::val));
  return result;
}

// ---- reading --------------------------------------------------------------------------------------------

std::string shown_name(const std::vector<ListedFile>& files) {
  const std::string& path = files.front().path;
  if (files.size() == 1) return path;
  std::string_view stem = std::string_view(path).substr(0, path.size() - 4);
  const size_t digits = stem.size() - (stem.find_last_not_of("0123456789") + 1);
  return join(stem.substr(0, stem.size() - digits), "*.bin");
}

TokenFile open_token_files(const std::vector<ListedFile>& files) {
  TokenFile all;
  for (size_t i = 0; i < files.size(); ++i) {
    const auto& [path, expected] = files[i];
    TokenFile file = open_token_file(path, expected);
    require_place(file, path, i, files.size());
    if (i == 0) {
      all = std::move(file);
      continue;
    }
    require_same(all, files.front().path, file, path);
    all.tokens.append(std::move(file.tokens));
    all.info.vocab_size = std::max(all.info.vocab_size, file.info.vocab_size);
    // The last one describes the text of all.
    all.info.text_bytes = file.info.text_bytes;
    all.info.neg_log_prob = file.info.neg_log_prob;
  }
  all.shard = {};
  return all;
}

// ---- writing --------------------------------------------------------------------------------------------

TokenFilesWriter::TokenFilesWriter(std::string directory, SplitSide side, const TokenFileInfo& info,
                                   int64_t shard_tokens)
    : directory_(std::move(directory)), side_(side), info_(info), shard_tokens_(shard_tokens) {
  require(shard_tokens >= 0, "shard_tokens = ", shard_tokens, "; expected 0 or more");
  begin_shard();
}

void TokenFilesWriter::begin_shard() {
  require(std::ssize(written_) < most_shards, "shard_tokens = ", shard_tokens_,
          " divides the text into more than ", most_shards, " files; choose a larger number");
  name_ = shard_tokens_ > 0 ? shard_name(side_, std::ssize(written_)) : token_file_name(side_);
  shard_ = std::make_unique<TokenFileWriter>(path(name_), info_);
}

void TokenFilesWriter::end_shard(bool followed) {
  shard_->describe_shard({static_cast<uint32_t>(written_.size()), followed});
  if (!followed) shard_->describe_text(info_.text_bytes, info_.neg_log_prob);
  written_.emplace_back(name_, shard_->commit());
}

void TokenFilesWriter::append(std::span<const int32_t> ids) {
  while (!ids.empty()) {
    size_t most = ids.size();
    if (shard_tokens_ > 0) {
      if (shard_->count() == shard_tokens_) {
        end_shard(true);
        begin_shard();
      }
      most = std::min(most, static_cast<size_t>(shard_tokens_ - shard_->count()));
    }
    shard_->append(ids.first(most));
    count_ += static_cast<int64_t>(most);
    ids = ids.subspan(most);
  }
}

void TokenFilesWriter::describe_text(uint64_t bytes, std::optional<double> neg_log_prob) {
  info_.text_bytes = bytes;
  info_.neg_log_prob = neg_log_prob;
}

std::vector<std::pair<std::string, FileSum>> TokenFilesWriter::commit() {
  end_shard(false);
  const std::string whole = token_file_name(side_);
  if (written_.size() == 1 && name_ != whole) {  // it was to be the first of several
    if (retried(::rename, path(name_).c_str(), path(whole).c_str()) != 0)
      fail_at(ErrorCode::failed, path(whole), "cannot be written", errno);
    sync_directory(directory_);
    written_[0].first = whole;
  }
  return std::move(written_);
}

}  // namespace hewn

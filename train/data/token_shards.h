#pragma once
// Token files of one sequence: a single file, or shards (docs/formats.md, "Shards"), found by name.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "train/data/token_file.h"

namespace hewn {

/// The two sides of a data set.
enum class SplitSide : uint8_t { train, val };

/// "train.bin" or "val.bin".
std::string token_file_name(SplitSide side);
/// "train-000.bin": a shard's name, with at least three digits.
std::string shard_name(SplitSide side, int64_t number);

/// Whether `data prepare` gives this name to a token file.
bool is_token_file_name(std::string_view name);
/// Whether this is such a name, or the name of a token file of llm.c.
bool is_any_token_file_name(std::string_view name);

/// The token files of a directory, by name, in the order of their ids.
struct TokenFileNames {
  std::vector<std::string> train, val;  ///< the expected name if there is none

  /// The files of one side.
  const std::vector<std::string>& of(SplitSide side) const { return side == SplitSide::train ? train : val; }
};

/// Finds the token files among the files of a directory: those of `data prepare`, or, if there are none, llm.c's
/// (NAME_train.bin, or NAME_train_000001.bin and so on, and the same with val). Throws ErrorCode::input, naming the
/// file, if a shard before the last one is missing, if there are both shards and a single file, or files of
/// two data sets.
TokenFileNames find_token_files(const std::string& directory, const std::vector<std::string>& names);

/// A token file and its entry in MANIFEST.
struct ListedFile {
  std::string path;
  std::optional<FileSum> expected;
};

/// The name of these files (at least one) in messages: the path, or "DIR/train-*.bin".
std::string shown_name(const std::vector<ListedFile>& files);

/// Opens one or more files as one sequence, the same as a single file with all ids. Throws like
/// `open_token_file`, and ErrorCode::input if they differ in format, tokenizer, vocabulary or separator, or
/// if files are missing or added.
TokenFile open_token_files(const std::vector<ListedFile>& files);

/// Writes a sequence of ids to one token file, or to shards if it has more than `shard_tokens` ids.
class TokenFilesWriter {
 public:
  /// Writes into `directory`. Each shard but the last has `shard_tokens` ids; 0: a single file.
  TokenFilesWriter(std::string directory, SplitSide side, const TokenFileInfo& info, int64_t shard_tokens);

  /// Appends ids; each must be in [0, vocab_size). Throws ErrorCode::usage if that requires more than 10000
  /// shards.
  void append(std::span<const int32_t> ids);
  /// Describes the text of the whole sequence, which is known only after all of it has been read.
  void describe_text(uint64_t bytes, std::optional<double> neg_log_prob);
  /// Completes the last file and returns the names and sums of all files. Nothing can be appended afterwards.
  std::vector<std::pair<std::string, FileSum>> commit();

  int64_t count() const { return count_; }

 private:
  void begin_shard();
  void end_shard(bool followed);
  std::string path(const std::string& name) const { return directory_ + "/" + name; }

  std::string directory_;
  SplitSide side_;
  TokenFileInfo info_;
  int64_t shard_tokens_, count_ = 0;
  std::vector<std::pair<std::string, FileSum>> written_;
  std::string name_;                        // of the next one,
  std::unique_ptr<TokenFileWriter> shard_;  // and the file
};

}  // namespace hewn

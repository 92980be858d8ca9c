#pragma once
// Token files: the ids of a text on disk, written once, mapped for training (docs/formats.md, "Token files").
// Also reads nanoGPT's train.bin and val.bin, which are plain little-endian uint16 ids.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/io/checksum.h"
#include "core/io/file.h"

namespace hewn {

/// Information about the text, stored with the ids.
struct TokenFileInfo {
  int32_t vocab_size = 0;              ///< every id is in [0, vocab_size)
  uint64_t tokenizer_hash = 0;         ///< of the tokenizer that produced the ids; 0: unknown
  std::optional<int32_t> separator;    ///< if set: aligned to documents, each ended by this id
  uint64_t text_bytes = 0;             ///< length of the text; 0: unknown
  std::optional<double> neg_log_prob;  ///< exact -log P of the text in nats, if its source knows it
};

/// A token sequence: `int32_t` ids in memory, or a mapped file of u16 or i32 ids. Windows can be copied
/// from it cheaply.
class Tokens {
 public:
  Tokens() = default;
  /// Ids in memory.
  explicit Tokens(std::vector<int32_t> ids) : ids_(std::move(ids)) {}
  /// `count` ids of `width` bytes (2 or 4) from byte `offset` of `file`; the caller must have checked the bounds.
  Tokens(MappedFile file, size_t offset, int width, int64_t count);

  int64_t size() const { return mapped_ ? count_ : static_cast<int64_t>(ids_.size()); }
  int32_t operator[](int64_t i) const;
  /// Copies ids [begin, begin + n), which must exist, to `out`.
  void copy(int64_t begin, int64_t n, int32_t* out) const;

 private:
  std::vector<int32_t> ids_;
  MappedFile file_;
  const std::byte* mapped_ = nullptr;  // inside file_, whose mapping keeps its address when moved
  int width_ = 4;
  int64_t count_ = 0;
};

/// A token file, opened for reading.
struct TokenFile {
  Tokens tokens;
  TokenFileInfo info;
  bool headerless = false;  ///< nanoGPT's; info.vocab_size is then the largest id + 1
};

/// Maps a token file and reads it once to check header, trailer, checksum and every id. If `expected` is given, the file
/// must be this one (train/data/data_set_files.h). Throws ErrorCode::input, naming the file and the problem.
TokenFile open_token_file(const std::string& path, const std::optional<FileSum>& expected = std::nullopt);

/// Writes a token file of any length in one pass. The file appears only after `commit`.
class TokenFileWriter {
 public:
  /// `info.text_bytes` and `info.neg_log_prob` may change until commit.
  TokenFileWriter(const std::string& path, const TokenFileInfo& info);

  /// Appends ids; each must be in [0, vocab_size).
  void append(std::span<const int32_t> ids);

  /// Sets the last two fields of the trailer, which are known only after the whole text has been read.
  void describe_text(uint64_t bytes, std::optional<double> neg_log_prob);

  int64_t count() const { return count_; }
  /// Makes the file durable under its name. Nothing can be appended afterwards.
  FileSum commit();

 private:
  AtomicFile file_;
  TokenFileInfo info_;
  Checksum payload_;
  int64_t count_ = 0;
};

}  // namespace hewn

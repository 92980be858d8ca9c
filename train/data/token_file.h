#pragma once
// Token files: the ids of a text on disk, written once, mapped for training (docs/formats.md, "Token files").
// Also reads nanoGPT's train.bin and val.bin, which are plain little-endian uint16 ids, and llm.c's files.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/checksum.h"
#include "core/io/file.h"

namespace hewn {

/// Information about the text, stored with the ids.
struct TokenFileInfo {
  int32_t vocab_size = 0;                   ///< every id is in [0, vocab_size)
  uint64_t tokenizer_hash = 0;              ///< of the tokenizer that produced the ids; 0: unknown
  std::optional<int32_t> separator = {};    ///< if set: aligned to documents, each ended by this id
  uint64_t text_bytes = 0;                  ///< length of the text; 0: unknown
  std::optional<double> neg_log_prob = {};  ///< exact -log P of the text in nats, if its source knows it
};

/// The advice in errors about damaged files of a data set.
inline constexpr const char* prepare_again =
    "prepare the data again with `hewn data prepare --force FILE... --out_dir=DIR`";

/// The place of a file in a sequence that is divided into several (train/data/token_shards.h).
struct ShardPlace {
  uint32_t number = 0;    ///< counted from 0
  bool followed = false;  ///< whether another file follows, with the next number
};

/// A token sequence: `int32_t` ids in memory, mapped files of u16 or i32 ids, or a concatenation of these.
/// Windows can be copied from it cheaply, and only the pages that they touch are read.
class Tokens {
 public:
  Tokens() = default;
  /// Ids in memory.
  explicit Tokens(std::vector<int32_t> ids);
  /// `count` ids of `width` bytes (2 or 4) from byte `offset` of `file`; the caller must have checked the bounds.
  Tokens(MappedFile file, size_t offset, int width, int64_t count);

  /// Appends the ids of `other`, without copying them.
  void append(Tokens other);

  int64_t size() const { return parts_.empty() ? 0 : parts_.back().begin + parts_.back().count; }
  int32_t operator[](int64_t i) const;
  /// Copies ids [begin, begin + n), which must exist, to `out`.
  void copy(int64_t begin, int64_t n, int32_t* out) const;

 private:
  /// Adjacent ids in one place.
  struct Part {
    std::vector<int32_t> ids;  // in memory, or else
    MappedFile file;
    const std::byte* data = nullptr;  // inside `ids` or `file`, which keep their address when moved
    int width = 4;                    // bytes per id
    int64_t begin = 0, count = 0;     // ids [begin, begin + count) of the sequence
  };
  std::vector<Part> parts_;
};

/// The formats in which token files are read.
enum class TokenFormat : uint8_t {
  hewn,
  nanogpt,      ///< u16 ids without a header
  llmc_gpt2,    ///< llm.c's, u16 ids of GPT-2's vocabulary
  llmc_llama3,  ///< llm.c's, u32 ids of Llama 3's vocabulary
};

/// The name of a format in messages.
std::string_view description_of(TokenFormat format);

/// A token file, opened for reading.
struct TokenFile {
  Tokens tokens;
  /// The vocabulary of nanoGPT's files ends at the largest id; llm.c's files have that of the model.
  TokenFileInfo info;
  TokenFormat format = TokenFormat::hewn;
  ShardPlace shard;
};

/// Maps a token file and reads it once to check header, trailer, checksum and every id. If `expected` is
/// given, the file must be this one (train/data/data_set_files.h). Throws ErrorCode::input, naming the file
/// and the problem.
TokenFile open_token_file(const std::string& path, const std::optional<FileSum>& expected = std::nullopt);

/// The separator in the header of a token file; nothing if the file is not aligned or has no intact header.
/// Reads no ids.
std::optional<int32_t> separator_of(const std::string& path);

/// Writes a token file of any length in one pass. The file appears only after `commit`.
class TokenFileWriter {
 public:
  /// `info.text_bytes` and `info.neg_log_prob` may change until commit.
  TokenFileWriter(const std::string& path, const TokenFileInfo& info);

  /// Appends ids; each must be in [0, vocab_size).
  void append(std::span<const int32_t> ids);

  /// Sets the fields of the trailer about the text, which are known only after all of it has been read.
  void describe_text(uint64_t bytes, std::optional<double> neg_log_prob);
  /// Sets the fields of the trailer about the file's place in a sequence of files.
  void describe_shard(const ShardPlace& shard) { shard_ = shard; }

  int64_t count() const { return count_; }
  /// Makes the file durable under its name. Nothing can be appended afterwards.
  FileSum commit();

 private:
  AtomicFile file_;
  TokenFileInfo info_;
  ShardPlace shard_;
  Checksum payload_;
  int64_t count_ = 0;
};

}  // namespace hewn

#include "train/data/token_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/io/file_kind.h"

namespace hewn {
namespace {

static_assert(std::endian::native == std::endian::little,
              "token files are little-endian and mapped as they are");

constexpr size_t block_bytes = 64;  // of the header and of the trailer
constexpr size_t header_sum_at = 56, trailer_sum_at = 48;
constexpr std::string_view header_magic = "HEWNTOK\n", trailer_magic = "tok-end\n";
constexpr uint32_t version = 1;

struct Header {
  uint32_t version = 0, id_bytes = 0, flags = 0;
  int32_t vocab_size = 0, separator = -1;
  uint32_t reserved = 0;
  uint64_t tokenizer_hash = 0;
};

struct Trailer {
  uint64_t count = 0, payload_sum = 0, text_bytes = 0;
  double neg_log_prob = std::numeric_limits<double>::quiet_NaN();  // NaN: unknown
  uint32_t shard = 0, shard_follows = 0;
};

template <class Field>
void put(std::string& block, size_t at, const Field& value) {
  std::memcpy(block.data() + at, &value, sizeof value);
}

template <class Field>
Field get(std::string_view block, size_t at) {
  Field value;
  std::memcpy(&value, block.data() + at, sizeof value);
  return value;
}

std::string to_block(const Header& header) {
  std::string block(block_bytes, '\0');
  header_magic.copy(block.data(), header_magic.size());
  put(block, 8, header);
  put(block, header_sum_at, checksum(std::string_view(block).substr(0, header_sum_at)));
  return block;
}

std::string to_block(const Trailer& trailer) {
  std::string block(block_bytes, '\0');
  put(block, 0, trailer);
  put(block, trailer_sum_at, checksum(std::string_view(block).substr(0, trailer_sum_at)));
  trailer_magic.copy(block.data() + header_sum_at, trailer_magic.size());
  return block;
}

static_assert(sizeof(Header) == 32 && sizeof(Trailer) == 40,
              "the layout of docs/formats.md, without padding");

/// Throws unless all ids are in [0, vocab_size). Returns the largest, or -1 if there are none.
int64_t largest_id(const Tokens& tokens, int64_t vocab_size, const std::string& path) {
  std::array<int32_t, 4096> some;
  int64_t largest = -1;
  for (int64_t i = 0; i < tokens.size(); i += std::ssize(some)) {
    const int64_t n = std::min<int64_t>(std::ssize(some), tokens.size() - i);
    tokens.copy(i, n, some.data());
    for (int64_t j = 0; j < n; ++j) {
      const int64_t id = some[static_cast<size_t>(j)];
      if (id < 0 || id >= vocab_size) {
        fail(ErrorCode::input, path, ": token ", i + j, " is ", id, ", outside the vocabulary of ",
             vocab_size, " tokens; prepare the data again");
      }
      largest = std::max(largest, id);
    }
  }
  return largest;
}

/// Throws if a file that has no fault of its own is not the expected one.
void require_expected(const std::string& path, bool is_expected) {
  if (is_expected) return;
  fail(ErrorCode::input, path,
       ": belongs to another data set, not to that of the files next to it (MANIFEST lists another checksum); ",
       prepare_again);
}

TokenFile open_headerless(MappedFile file) {
  const std::string path = file.path();
  refuse_foreign_text(path, file.text());
  if (file.size() == 0)
    fail(ErrorCode::input, path, ": is empty; expected a token file written by hewn data prepare");
  if (file.size() % 2 != 0) {
    fail(ErrorCode::input, path, ": ", file.size(),
         " bytes without Hewn's header; expected a token file of hewn data prepare, or nanoGPT's uint16 "
         "ids with an even number of bytes; was the file cut short?");
  }
  TokenFile result;
  result.format = TokenFormat::nanogpt;
  const auto count = static_cast<int64_t>(file.size() / 2);
  result.tokens = Tokens(std::move(file), 0, 2, count);
  result.info.vocab_size = static_cast<int32_t>(largest_id(result.tokens, 65536, path) + 1);
  return result;
}

// ---- llm.c ----------------------------------------------------------------------------------------------

/// A format of llm.c: 256 i32, of which the first three are a magic number, the version and the number of ids, then the
/// ids (karpathy/llm.c, dev/data/data_common.py). As u16, the magic numbers of token files begin with 55432 and 55713,
/// which are no ids of GPT-2: no file of nanoGPT is taken for one of these.
struct LlmcFormat {
  int32_t magic, version;
  int id_bytes;
  int32_t vocab_size;
  TokenFormat format;
};
constexpr size_t llmc_header_bytes = 1024;
constexpr LlmcFormat llmc_formats[] = {{20240520, 1, 2, 50257, TokenFormat::llmc_gpt2},
                                       {20240801, 7, 4, 128256, TokenFormat::llmc_llama3}};
constexpr int32_t llmc_evaluation_magic = 20240522;

/// The file's format if it is one of llm.c's, else null.
const LlmcFormat* llmc_format_of(const MappedFile& file) {
  if (file.size() < 4) return nullptr;
  const auto magic = get<int32_t>(file.text(), 0);
  if (magic == llmc_evaluation_magic) {
    fail(ErrorCode::input, file.path(), ": holds llm.c's multiple-choice questions (magic number ", magic,
         "), not a text; expected one of its token files, with magic number 20240520 or 20240801");
  }
  const auto found = std::find_if(std::begin(llmc_formats), std::end(llmc_formats),
                                  [&](const LlmcFormat& format) { return format.magic == magic; });
  return found == std::end(llmc_formats) ? nullptr : found;
}

TokenFile open_llmc(MappedFile file, const LlmcFormat& expected) {
  const std::string path = file.path();
  const auto refuse = [&](const auto&... what) {
    fail(ErrorCode::input, path, ": the token file of llm.c ", what..., "; download it or make it again");
  };
  if (file.size() < llmc_header_bytes)
    refuse("is cut short: its header takes ", llmc_header_bytes, " bytes, and ", file.size(), " are left");
  const auto stated = get<int32_t>(file.text(), 4), count = get<int32_t>(file.text(), 8);
  if (stated != expected.version)
    refuse("has format version ", stated, "; with magic number ", expected.magic,
           ", this program reads version ", expected.version);
  const uint64_t bytes = file.size() - llmc_header_bytes;
  if (count < 0 || bytes != static_cast<uint64_t>(count) * static_cast<uint64_t>(expected.id_bytes)) {
    refuse("is damaged: the header states ", count, " ids of ", expected.id_bytes, " bytes, but there are ",
           bytes, " bytes of ids");
  }
  TokenFile result;
  result.format = expected.format;
  result.info.vocab_size = expected.vocab_size;
  result.tokens = Tokens(std::move(file), llmc_header_bytes, expected.id_bytes, count);
  largest_id(result.tokens, expected.vocab_size, path);
  return result;
}

}  // namespace

// ---- tokens ---------------------------------------------------------------------------------------------

Tokens::Tokens(std::vector<int32_t> ids) {
  Part part;
  part.ids = std::move(ids);
  part.data = reinterpret_cast<const std::byte*>(part.ids.data());
  part.count = std::ssize(part.ids);
  parts_.push_back(std::move(part));
}

Tokens::Tokens(MappedFile file, size_t offset, int width, int64_t count) {
  Part part;
  part.file = std::move(file);
  part.data = part.file.data() + offset;
  part.width = width;
  part.count = count;
  parts_.push_back(std::move(part));
}

void Tokens::append(Tokens other) {
  for (Part& part : other.parts_) {
    part.begin = size();
    parts_.push_back(std::move(part));
  }
}

int32_t Tokens::operator[](int64_t i) const {
  int32_t id = 0;
  copy(i, 1, &id);
  return id;
}

void Tokens::copy(int64_t begin, int64_t n, int32_t* out) const {
  // The last part that begins at `begin` or earlier: empty parts begin where the next one does.
  auto part = std::upper_bound(parts_.begin(), parts_.end(), begin,
                               [](int64_t at, const Part& some) { return at < some.begin; });
  if (part != parts_.begin()) --part;
  for (; n > 0; ++part) {
    const auto first = static_cast<size_t>(begin - part->begin);
    const int64_t here = std::min(n, part->count - (begin - part->begin));
    const auto count = static_cast<size_t>(here);
    if (count == 0) continue;  // an empty shard
    if (part->width == 4) {
      std::memcpy(out, part->data + 4 * first, 4 * count);
    } else {
      for (size_t i = 0; i < count; ++i) {
        uint16_t id = 0;
        std::memcpy(&id, part->data + 2 * (first + i), sizeof id);
        out[i] = id;
      }
    }
    begin += here, n -= here, out += here;
  }
}

// ---- reading --------------------------------------------------------------------------------------------

std::string_view description_of(TokenFormat format) {
  switch (format) {
    case TokenFormat::hewn: return "Hewn's token file";
    case TokenFormat::nanogpt: return "16-bit ids without a header, as nanoGPT writes them";
    case TokenFormat::llmc_gpt2: return "llm.c's token file for GPT-2";
    case TokenFormat::llmc_llama3: return "llm.c's token file for Llama 3";
  }
  return "";
}

TokenFile open_token_file(const std::string& path, const std::optional<FileSum>& expected) {
  MappedFile file(path);
  const std::string_view bytes = file.text();
  // If all bytes are as they were written, so are the ids: their own checksum would be a second pass.
  const bool as_written = expected && bytes.size() == expected->size && checksum(bytes) == expected->checksum;
  const bool has_header = bytes.substr(0, header_magic.size()) == header_magic;
  const bool has_trailer = bytes.size() >= 8 && bytes.substr(bytes.size() - 8) == trailer_magic;
  if (!has_header && !has_trailer) {
    require_expected(path, !expected || as_written);
    if (const LlmcFormat* const llmc = llmc_format_of(file)) return open_llmc(std::move(file), *llmc);
    return open_headerless(std::move(file));
  }

  const auto damaged = [&](const auto&... what) {
    fail(ErrorCode::input, path, ": the token file is damaged: ", what..., "; ", prepare_again);
  };
  if (!has_header) damaged("the header is overwritten");
  if (bytes.size() < 2 * block_bytes || !has_trailer)
    damaged("it is cut short, ", bytes.size(), " bytes are left");
  if (checksum(bytes.substr(0, header_sum_at)) != get<uint64_t>(bytes, header_sum_at))
    damaged("the checksum of the header is wrong");
  const auto header = get<Header>(bytes, 8);
  if (header.version != version || header.flags != 0) {
    fail(ErrorCode::input, path, ": the token file has format version ", header.version, " (flags ",
         header.flags, "); this program reads version ", version,
         "; prepare the data again with this program");
  }
  const std::string_view end = bytes.substr(bytes.size() - block_bytes);
  if (checksum(end.substr(0, trailer_sum_at)) != get<uint64_t>(end, trailer_sum_at))
    damaged("the checksum of the trailer is wrong");
  const auto trailer = get<Trailer>(end, 0);
  const std::string_view payload = bytes.substr(block_bytes, bytes.size() - 2 * block_bytes);
  if (header.id_bytes != 2 && header.id_bytes != 4)
    damaged("ids have ", header.id_bytes, " bytes; expected 2 or 4");
  if (payload.size() % header.id_bytes != 0 || trailer.count != payload.size() / header.id_bytes) {
    damaged("the trailer states ", trailer.count, " ids, but there are ", payload.size(), " bytes of ids");
  }
  if (header.vocab_size <= 0 || header.separator < -1 || header.separator >= header.vocab_size) {
    damaged("the header states a vocabulary of ", header.vocab_size, " with separator ", header.separator);
  }
  if (!as_written && checksum(payload) != trailer.payload_sum) damaged("the checksum of the ids is wrong");
  require_expected(path, !expected || as_written);

  TokenFile result;
  result.info = {header.vocab_size, header.tokenizer_hash, std::nullopt, trailer.text_bytes, std::nullopt};
  if (header.separator >= 0) result.info.separator = header.separator;
  if (!std::isnan(trailer.neg_log_prob)) result.info.neg_log_prob = trailer.neg_log_prob;
  result.shard = {trailer.shard, trailer.shard_follows != 0};
  const auto count = static_cast<int64_t>(trailer.count);
  result.tokens = Tokens(std::move(file), block_bytes, static_cast<int>(header.id_bytes), count);
  largest_id(result.tokens, header.vocab_size, path);
  return result;
}

std::optional<int32_t> separator_of(const std::string& path) {
  const MappedFile file(path);
  const std::string_view bytes = file.text();
  if (bytes.size() < 2 * block_bytes || !bytes.starts_with(header_magic) ||
      checksum(bytes.substr(0, header_sum_at)) != get<uint64_t>(bytes, header_sum_at))
    return std::nullopt;
  const int32_t separator = get<Header>(bytes, 8).separator;
  return separator < 0 ? std::nullopt : std::optional(separator);
}

// ---- writing --------------------------------------------------------------------------------------------

TokenFileWriter::TokenFileWriter(const std::string& path, const TokenFileInfo& info)
    : file_(path), info_(info) {
  require(info.vocab_size > 0, path, ": the vocabulary size is ", info.vocab_size, "; expected 1 or more");
  Header header;
  header.version = version;
  header.id_bytes = info.vocab_size <= 65536 ? 2 : 4;
  header.vocab_size = info.vocab_size;
  header.separator = info.separator.value_or(-1);
  header.tokenizer_hash = info.tokenizer_hash;
  file_.append(to_block(header));
}

void TokenFileWriter::append(std::span<const int32_t> ids) {
  for (const int32_t id : ids) {
    require(id >= 0 && id < info_.vocab_size, "token ", count_, " is ", id, ", outside the vocabulary of ",
            info_.vocab_size, " tokens");
  }
  const void* data = ids.data();
  size_t size = ids.size_bytes();
  std::vector<uint16_t> narrow;
  if (info_.vocab_size <= 65536) {
    narrow.resize(ids.size());
    std::transform(ids.begin(), ids.end(), narrow.begin(),
                   [](int32_t id) { return static_cast<uint16_t>(id); });
    data = narrow.data();
    size = narrow.size() * sizeof(uint16_t);
  }
  payload_.update(data, size);
  file_.append(data, size);
  count_ += std::ssize(ids);
}

void TokenFileWriter::describe_text(uint64_t bytes, std::optional<double> neg_log_prob) {
  info_.text_bytes = bytes;
  info_.neg_log_prob = neg_log_prob;
}

FileSum TokenFileWriter::commit() {
  Trailer trailer;
  trailer.count = static_cast<uint64_t>(count_);
  trailer.payload_sum = payload_.value();
  trailer.text_bytes = info_.text_bytes;
  if (info_.neg_log_prob) trailer.neg_log_prob = *info_.neg_log_prob;
  trailer.shard = shard_.number;
  trailer.shard_follows = shard_.followed ? 1 : 0;
  file_.append(to_block(trailer));
  return file_.commit();
}

}  // namespace hewn

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

static_assert(sizeof(Header) == 32 && sizeof(Trailer) == 32,
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
       ": belongs to another data set than the files beside it (MANIFEST lists another checksum); prepare "
       "the data "
       "again with `hewn data prepare --force`");
}

TokenFile open_headerless(MappedFile file) {
  const std::string path = file.path();
  if (file.size() == 0)
    fail(ErrorCode::input, path, ": is empty; expected a token file, as `hewn data prepare` writes it");
  if (file.size() % 2 != 0) {
    fail(ErrorCode::input, path, ": ", file.size(),
         " bytes without Hewn's header; expected a token file of `hewn data prepare`, or nanoGPT's uint16 "
         "ids with an even number of bytes; is the file cut short?");
  }
  TokenFile result;
  result.headerless = true;
  const auto count = static_cast<int64_t>(file.size() / 2);
  result.tokens = Tokens(std::move(file), 0, 2, count);
  result.info.vocab_size = static_cast<int32_t>(largest_id(result.tokens, 65536, path) + 1);
  return result;
}

}  // namespace

// ---- tokens ---------------------------------------------------------------------------------------------

Tokens::Tokens(MappedFile file, size_t offset, int width, int64_t count)
    : file_(std::move(file)), mapped_(file_.data() + offset), width_(width), count_(count) {}

int32_t Tokens::operator[](int64_t i) const {
  int32_t id = 0;
  copy(i, 1, &id);
  return id;
}

void Tokens::copy(int64_t begin, int64_t n, int32_t* out) const {
  const auto first = static_cast<size_t>(begin), count = static_cast<size_t>(n);
  if (mapped_ == nullptr) {
    std::copy_n(ids_.begin() + begin, n, out);
  } else if (width_ == 4) {
    std::memcpy(out, mapped_ + 4 * first, 4 * count);
  } else {
    for (size_t i = 0; i < count; ++i) {
      uint16_t id = 0;
      std::memcpy(&id, mapped_ + 2 * (first + i), sizeof id);
      out[i] = id;
    }
  }
}

// ---- reading --------------------------------------------------------------------------------------------

TokenFile open_token_file(const std::string& path, const std::optional<FileSum>& expected) {
  MappedFile file(path);
  const std::string_view bytes = file.text();
  // If all bytes are as they were written, so are the ids: their own checksum would be a second pass.
  const bool as_written = expected && bytes.size() == expected->size && checksum(bytes) == expected->checksum;
  const bool has_header = bytes.substr(0, header_magic.size()) == header_magic;
  const bool has_trailer = bytes.size() >= 8 && bytes.substr(bytes.size() - 8) == trailer_magic;
  if (!has_header && !has_trailer) {
    require_expected(path, !expected || as_written);
    return open_headerless(std::move(file));
  }

  const auto damaged = [&](const auto&... what) {
    fail(ErrorCode::input, path, ": the token file is damaged: ", what...,
         "; make it again with `hewn data prepare`");
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
  const auto count = static_cast<int64_t>(trailer.count);
  result.tokens = Tokens(std::move(file), block_bytes, static_cast<int>(header.id_bytes), count);
  largest_id(result.tokens, header.vocab_size, path);
  return result;
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
  file_.append(to_block(trailer));
  return file_.commit();
}

}  // namespace hewn

#include "model/weights/tensorflow/table.h"

#include <array>
#include <cstring>

#include "model/weights/bytes.h"
#include "model/weights/safetensors/safetensors_header.h"

namespace hewn {
namespace {

constexpr size_t footer_bytes = 48, trailer_bytes = 5;
constexpr uint64_t table_magic = 0xdb4775248b80fb57;
constexpr size_t longest_key = 512, most_entries = 65536;

struct BlockHandle {
  uint64_t offset = 0, size = 0;
};

BlockHandle read_handle(ByteReader& bytes) {
  BlockHandle handle;
  handle.offset = bytes.varint();
  handle.size = bytes.varint();
  return handle;
}

/// The bytes of a block, after checking its trailer: compression type and checksum.
std::string_view checked_block(std::string_view table, const BlockHandle& handle) {
  const size_t blocks = table.size() - footer_bytes;
  if (handle.size > blocks || handle.size + trailer_bytes > blocks ||
      handle.offset > blocks - handle.size - trailer_bytes) {
    fail(ErrorCode::input, "a block of ", handle.size, " bytes at byte ", handle.offset,
         " does not fit in the file's ", table.size(), " bytes");
  }
  const Doing context("reading the block at byte ", handle.offset);
  ByteReader trailer(table.substr(handle.offset + handle.size, trailer_bytes), "the block's trailer");
  if (const auto kind = trailer.number<uint8_t>(); kind != 0)
    fail(ErrorCode::input, "the block is compressed (kind ", int{kind},
         "); only uncompressed checkpoints are supported");
  const uint32_t sum = masked_crc32c(crc32c(table.substr(handle.offset, handle.size + 1)));
  if (sum != trailer.number<uint32_t>())
    fail(ErrorCode::input, "the block's checksum is wrong; the file is damaged");
  return table.substr(handle.offset, handle.size);
}

/// Appends the entries of a block. Each entry states the length of the key prefix that it shares with
/// the previous one.
void read_block(std::string_view block, std::vector<TableEntry>& entries) {
  constexpr size_t number_bytes = 4;
  if (block.size() < number_bytes) fail(ErrorCode::input, "a block of ", block.size(), " bytes is too short");
  ByteReader end(block.substr(block.size() - number_bytes), "the block");
  const uint64_t restarts = end.number<uint32_t>();
  if (restarts > block.size() / number_bytes - 1)
    fail(ErrorCode::input, "a block of ", block.size(), " bytes claims to have ", restarts, " restarts");
  ByteReader bytes(block.substr(0, block.size() - number_bytes * (restarts + 1)), "the block");
  std::string key;
  while (bytes.left() > 0) {
    const uint64_t shared = bytes.varint(), own = bytes.varint(), value = bytes.varint();
    if (shared > key.size() || own > longest_key - shared)
      fail(ErrorCode::input, "a key shares ", shared, " bytes with the previous key, which has ", key.size(),
           ", and adds ", own);
    key.resize(shared);
    key += bytes.take(own);
    if (!entries.empty() && key <= entries.back().key)
      fail(ErrorCode::input, "key ", safetensors::in_quotes(key), " is not sorted after ",
           safetensors::in_quotes(entries.back().key));
    if (entries.size() == most_entries)
      fail(ErrorCode::input, "the table has more than ", most_entries, " entries");
    entries.push_back({key, bytes.take(value)});
  }
}

}  // namespace

std::vector<TableEntry> read_table(std::string_view table) {
  if (table.size() < footer_bytes)
    fail(ErrorCode::input, "the file's ", table.size(), " bytes are too few for a table");
  ByteReader footer(table.substr(table.size() - footer_bytes), "the footer");
  read_handle(footer);  // of the meta-index block, which is empty
  const BlockHandle list = read_handle(footer);
  footer.take(footer_bytes - 8 - footer.at());
  if (footer.number<uint64_t>() != table_magic)
    fail(ErrorCode::input, "the file does not end like a table; it is not one, or it was cut short");

  std::vector<TableEntry> blocks, entries;
  read_block(checked_block(table, list), blocks);
  uint64_t behind = 0;  // end of the previous block
  for (const TableEntry& block : blocks) {
    ByteReader bytes(block.value, "a block's place");
    const BlockHandle handle = read_handle(bytes);
    if (handle.offset < behind) fail(ErrorCode::input, "the table's blocks overlap at byte ", handle.offset);
    read_block(checked_block(table, handle), entries);
    behind = handle.offset + handle.size + trailer_bytes;
  }
  return entries;
}

namespace {

// The contribution of a byte to the checksum if 0 to 7 bytes follow it in a group of eight.
using CrcTables = std::array<std::array<uint32_t, 256>, 8>;

constexpr CrcTables make_crc_tables() {
  CrcTables tables{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    tables[0][byte] = crc;
  }
  for (size_t t = 1; t < 8; ++t)
    for (size_t byte = 0; byte < 256; ++byte)
      tables[t][byte] = tables[t - 1][byte] >> 8 ^ tables[0][tables[t - 1][byte] & 0xff];
  return tables;
}

constexpr CrcTables crc_tables = make_crc_tables();

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), 8);
    eight ^= crc;
    crc = 0;
    for (size_t i = 0; i < 8; ++i) crc ^= crc_tables[7 - i][eight >> 8 * i & 0xff];
  }
  for (const char c : bytes) crc = crc >> 8 ^ crc_tables[0][(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

}  // namespace hewn

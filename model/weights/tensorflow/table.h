#pragma once
// Sorted tables in LevelDB's format, in which TensorFlow stores the index of a checkpoint
// (github.com/google/leveldb, doc/table_format.md): blocks of prefix-compressed entries, a block that lists
// them, and a footer.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {

struct TableEntry {
  std::string key;
  std::string_view value;  ///< part of the table's bytes
};

/// All entries, in order. Verifies the checksum of every block. Throws ErrorCode::input with position and
/// reason if the table is damaged or compressed, if keys are out of order or longer than 512 bytes, or if
/// there are more than 65536 entries.
std::vector<TableEntry> read_table(std::string_view table);

// The checksum of TensorFlow's checkpoints: CRC-32C (Castagnoli's polynomial; RFC 3720, appendix B.4).

/// The checksum of a piece of memory; 0xe3069283 for "123456789".
uint32_t crc32c(std::string_view bytes);

/// The stored form: rotated and offset, so that checksums of data containing checksums stay meaningful.
constexpr uint32_t masked_crc32c(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

}  // namespace hewn

#pragma once
// Sorted tables in LevelDB's format, in which TensorFlow keeps the index of a checkpoint
// (github.com/google/leveldb, doc/table_format.md): blocks of prefix-compressed entries, a block that lists
// them, and a footer.

#include <string>
#include <string_view>
#include <vector>

namespace hewn {

struct TableEntry {
  std::string key;
  std::string_view value;  ///< part of the table's bytes
};

/// All entries, in order. Verifies the checksum of every block. Throws ErrorCode::input with position and
/// reason if the table is damaged or compressed, keys are out of order or longer than 512 bytes, or there are
/// more than 65536.
std::vector<TableEntry> read_table(std::string_view table);

}  // namespace hewn

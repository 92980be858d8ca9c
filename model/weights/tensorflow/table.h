#pragma once
// Sorted tables in LevelDB's format, in which TensorFlow stores the index of a checkpoint
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
/// reason if the table is damaged or compressed, if keys are out of order or longer than 512 bytes, or if
/// there are more than 65536 entries.
std::vector<TableEntry> read_table(std::string_view table);

}  // namespace hewn

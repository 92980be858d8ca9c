#pragma once
// Sorted tables as LevelDB writes them and TensorFlow keeps the index of a checkpoint
// (github.com/google/leveldb, doc/table_format.md): blocks of entries whose keys share beginnings, a block
// that lists them, a footer.

#include <string>
#include <string_view>
#include <vector>

namespace hewn {

struct TableEntry {
  std::string key;
  std::string_view value;  ///< part of the table's bytes
};

/// All entries, in order. Compares the checksum of every block. Throws ErrorCode::input with the place and
/// the reason where the table is damaged or compressed, keys are out of order or longer than 512 bytes, or
/// there are more than 65536.
std::vector<TableEntry> read_table(std::string_view table);

}  // namespace hewn

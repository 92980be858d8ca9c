#pragma once
// The journal: what a program changed on disk, in order, as bytes that the preloaded library appends to a file.

#include <cstdint>

namespace hewn::faults {

enum class Change : uint32_t {
  open,      ///< first path, as `descriptor`; `number` is 1 if the file is new or was emptied
  close,     ///< `descriptor`
  write,     ///< `bytes` at offset `number`
  truncate,  ///< of `descriptor`, to `number` bytes
  sync,      ///< of `descriptor`, a file or a directory
  mkdir,     ///< first path
  remove,    ///< first path, a file or an empty directory
  rename,    ///< first path to second path
  exchange,  ///< of first and second path
  symlink,   ///< at first path, to second path as its text
  message,   ///< `bytes`, written to standard error
};

/// Stands before its two paths and its bytes, which are not ended by zeros.
struct JournalEntry {
  Change change;
  int32_t descriptor;
  int64_t number;
  uint32_t first_path, second_path, bytes;  ///< lengths
  uint32_t unused;
};

}  // namespace hewn::faults

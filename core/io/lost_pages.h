#pragma once
// Mapped files that are shortened, or whose disk fails, while they are in use. The system raises SIGBUS in the thread
// that reads a missing page.

#include <cstddef>
#include <string>

#include "core/io/descriptor.h"

namespace hewn {

/// Keeps the process alive when a page of a mapped file is missing: from that page on, the mapping reads as zeros, and
/// `check_mapped_files` reports the file. SIGBUS from other causes keeps its action, as does every SIGBUS without this
/// call. To be called once, by a program; a library leaves signals alone.
void survive_lost_pages();

/// Throws ErrorCode::input, with the path, if a mapped file has become shorter or a page of it was missing: what has
/// been read from it is not its content. A file that is no longer mapped is reported once (of more than 16, some are not). To be called after reading
/// from mapped files, before the result is used.
void check_mapped_files();

/// The same, but passes over files that were reported: a run whose data is gone still saves the last step before.
/// `AtomicFile::commit` calls it, so that no file is made of what was missing in another.
void check_newly_lost_pages();

/// Watches one mapped file; for `MappedFile`.
class WatchedMapping {
 public:
  WatchedMapping() = default;
  /// Takes over the open file. Up to 64 at a time are kept open: through them the length of a file is known even
  /// after it was renamed or removed. The length of other files is looked up by path, if that still is the same file, so
  /// that a data set of many shards does not use up the descriptors of the process. Beyond 4096 mappings at a time,
  /// watches nothing.
  WatchedMapping(const std::string& path, Descriptor file, const void* data, size_t size);
  /// To be called before the mapping is removed. Does nothing a second time.
  void end() noexcept;

 private:
  int slot_ = -1;
};

}  // namespace hewn

#pragma once
// Handles mapped files that are shortened, or whose disk fails, while in use. The system raises SIGBUS in the
// thread that reads a missing page.

#include <cstddef>
#include <string>

#include "core/io/descriptor.h"

namespace hewn {

/// Keeps the process alive when a page of a mapped file is missing: from that page on, the mapping reads as zeros, and
/// `check_mapped_files` reports the file. SIGBUS from other causes keeps its action, as does every SIGBUS without this
/// call. A program calls this once; a library must not change signal handlers.
void survive_lost_pages();

/// Throws ErrorCode::input, with the path, if a mapped file has become shorter or a page of it was missing.
/// The bytes read from it are then not its content. A file that is no longer mapped is reported once (of more
/// than 16 files, some are not reported). Call this after reading mapped files, before using the result.
void check_mapped_files();

/// The same, but ignores files already reported, so that a run whose data is gone still saves its last step.
/// `AtomicFile::commit` calls it, so that missing input never ends up in an output.
void check_newly_lost_pages();

/// Watches one mapped file; for `MappedFile`.
class WatchedMapping {
 public:
  WatchedMapping() = default;
  /// Takes over the open file. Up to 64 at a time are kept open: an open descriptor gives the length of a
  /// file even after it was renamed or removed. The length of further files is looked up by path, if that
  /// still names the same file, so that a data set of many shards does not exhaust the descriptors of the
  /// process. Mappings beyond 4096 at a time are not watched.
  WatchedMapping(const std::string& path, Descriptor file, const void* data, size_t size);
  /// Call this before unmapping. A second call does nothing.
  void end() noexcept;

 private:
  int slot_ = -1;
};

}  // namespace hewn

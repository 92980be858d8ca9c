#pragma once
// The limits that the system imposes on this process: its control groups (cgroups), versions 1 and 2, and ulimit.
//
// All functions read the files below `root`/proc and `root`/sys, "" for this machine's. A file that is missing or
// malformed limits nothing.

#include <cstddef>
#include <string>

#include "core/io/descriptor.h"

namespace hewn {

/// Bytes that this process may still obtain before it exceeds a limit of its control group or of an enclosing
/// group, or `ulimit -v` or `-d`; SIZE_MAX without a limit. Cached files count as free, since the system
/// drops them before it refuses memory. The system kills a process that exceeds its group's limit; the
/// process gets no error that it could handle.
size_t memory_within_limits(const std::string& root = "");

/// Available memory of the machine in bytes: MemAvailable in /proc/meminfo. 0 if unknown.
size_t machine_memory(const std::string& root = "");

/// Available memory in bytes: the smaller of `machine_memory` and `memory_within_limits`. 0 if unknown; at
/// least 1 if known.
size_t available_memory(const std::string& root = "");

/// The processor time, in seconds per second, allowed by the quotas of this process's control groups; 1.5
/// means one and a half processors. Infinite without a quota.
double processor_quota(const std::string& root = "");

// Handles mapped files that are shortened, or whose disk fails, while in use. The system raises SIGBUS in the
// thread that reads a missing page.

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

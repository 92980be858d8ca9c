#pragma once
// Safe file access: reading by mapping, writing by atomic replacement. Every error names the path, the
// system's reason and the remedy. Failed reads throw ErrorCode::input, failed writes ErrorCode::failed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/not_copied.h"
#include "core/io/checksum.h"
#include "core/io/descriptor.h"
#include "core/io/limits.h"

namespace hewn {

/// A regular file, mapped read-only as a whole. An empty file is valid and has data() == nullptr. Bytes are
/// read when first accessed, so never write to a file in place: if it is shortened while mapped, the process ends with
/// SIGBUS or, in a program that survives that, `check_mapped_files` reports it.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws ErrorCode::input if the file is missing or unreadable, or is a directory, a pipe or a device.
  explicit MappedFile(std::string path);
  /// Wraps bytes already in memory, such as those embedded in the program. They must outlive this object;
  /// `path` is their name in messages.
  static MappedFile in_memory(std::string path, std::string_view bytes);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  const std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  bool mapped_ = false;  // whether this object mapped the file and unmaps it
  WatchedMapping watched_;
};

/// Size and checksum of a file, as manifests record them.
struct FileSum {
  uint64_t size = 0;      ///< bytes
  uint64_t checksum = 0;  ///< `Checksum` of all of them
  bool operator==(const FileSum&) const = default;
};

/// A file that appears under its name completely or not at all, even if the machine loses power. Bytes go to
/// a temporary file in the same directory, which `commit` syncs and renames to `path`. An older file remains
/// unchanged until then; without a commit, the temporary file is removed; if the process is killed, the next one
/// that writes `path` removes it. A symbolic link at `path` is replaced, not followed.
class AtomicFile : NotCopied {
 public:
  /// Creates the temporary file. Throws ErrorCode::failed if the directory is missing or not writable, or if
  /// `path` exists and is not a regular file.
  explicit AtomicFile(std::string path);
  ~AtomicFile();

  /// Appends `size` bytes. Large pieces are written directly, without a copy. On failure (disk full, quota,
  /// size limit, I/O error), removes the temporary file and throws ErrorCode::failed.
  void append(const void* data, size_t size);
  void append(std::string_view text) { append(text.data(), text.size()); }

  /// Size and checksum of everything appended so far.
  FileSum sum() const { return {size_, checksum_.value()}; }

  /// Makes the file durable under its name. Throws ErrorCode::failed, and input like `check_newly_lost_pages`.
  /// Nothing can be appended afterwards.
  FileSum commit();

 private:
  void flush();
  void discard() noexcept;
  [[noreturn]] void give_up(int error);

  std::string path_, temporary_;
  Descriptor file_;
  std::vector<char> buffer_;
  uint64_t size_ = 0;
  Checksum checksum_;
};

/// Writes a whole file through `AtomicFile`.
FileSum write_file_atomically(const std::string& path, std::string_view content);

/// Whether this file name (without directory) belongs to an unfinished AtomicFile.
bool is_temporary(std::string_view name);

/// Removes temporary files that a killed process left in `directory`; returns their number. No other process
/// may be writing to the directory.
int remove_temporary_files(const std::string& directory);

/// Size and checksum of a file, or of its first `most_bytes`, read in pieces. Throws ErrorCode::input.
FileSum sum_file(const std::string& path, uint64_t most_bytes = UINT64_MAX);

/// The content of a small file (a configuration, a manifest). Throws ErrorCode::input if the file cannot be
/// read, is larger than `max_bytes`, is a pipe (reading would block until somebody writes), or is not text
/// (core/io/file_kind.h); `html` allows web pages.
std::string read_small_file(const std::string& path, size_t max_bytes);

/// Reads a small file named by the user, which may be a pipe: <(command), /dev/stdin.
std::string read_given_file(const std::string& path, size_t max_bytes);

/// Opens a file, creating it if necessary, and locks it until the descriptor is closed. Throws
/// ErrorCode::failed, with the message `in_use` if another process has locked it.
Descriptor lock_file(const std::string& path, const std::string& in_use);

/// Writes all bytes to an open descriptor; continues after signals and short writes. Returns 0 or the `errno`.
int write_fully(int fd, const void* data, size_t size);

}  // namespace hewn

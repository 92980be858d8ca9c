#pragma once
// Files as they should be used: mapped for reading, replaced in one step for writing. Every error names the
// path, the system's reason and what to do. Failing to read throws ErrorCode::input, failing to write
// ErrorCode::failed.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/io/checksum.h"

namespace hewn {

/// A whole regular file, mapped read-only. An empty file is fine and has data() == nullptr. The bytes are
/// read when touched: shortening the file while it is mapped ends the process (SIGBUS), so never write to a
/// file in place.
class MappedFile {
 public:
  MappedFile() = default;
  /// Throws ErrorCode::input if it is missing, unreadable, a directory, or a pipe or device (nothing to map).
  explicit MappedFile(std::string path);
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
};

/// What a manifest remembers of a file.
struct FileSum {
  uint64_t size = 0;      ///< bytes
  uint64_t checksum = 0;  ///< `Checksum` of all of them
  bool operator==(const FileSum&) const = default;
};

/// A file that appears under its name whole or not at all, even if the machine loses power: bytes go to a
/// temporary file in the same directory, which `commit` syncs and renames over `path`. Until then an older
/// file stays as it was; without a commit the temporary file is removed. A symbolic link at `path` is
/// replaced, not followed.
class AtomicFile {
 public:
  /// Creates the temporary file. Throws ErrorCode::failed if the directory is missing or not writable, or if
  /// `path` exists and is not a regular file.
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends `size` bytes. Large pieces go straight to the system, without a copy. Throws ErrorCode::failed
  /// (disk full, quota, size limit, I/O error) and removes the temporary file.
  void append(const void* data, size_t size);
  void append(std::string_view text) { append(text.data(), text.size()); }

  /// Size and checksum of everything appended so far.
  FileSum sum() const { return {size_, checksum_.value()}; }

  /// Makes the file durable under its name. Throws ErrorCode::failed. Nothing can be appended afterwards.
  FileSum commit();

 private:
  void flush();
  void discard() noexcept;
  [[noreturn]] void give_up(int error);

  std::string path_, temporary_;
  int fd_ = -1;
  std::vector<char> buffer_;
  uint64_t size_ = 0;
  Checksum checksum_;
};

/// Writes a whole file in one go through `AtomicFile`.
FileSum write_file_atomically(const std::string& path, std::string_view content);

/// Whether a file of this name (without its directory) is one that AtomicFile has not finished.
bool is_temporary(std::string_view name);

/// Removes temporary files that a killed process left in `directory`; returns how many. Only for a directory
/// that no other process is writing to.
int remove_temporary_files(const std::string& directory);

/// Size and checksum of a file, read in pieces. Throws ErrorCode::input.
FileSum sum_file(const std::string& path);

/// The content of a small file (a configuration, a prompt); pipes are fine. Throws ErrorCode::input if it
/// cannot be read or holds more than `max_bytes`.
std::string read_small_file(const std::string& path, size_t max_bytes);

/// Writes all bytes to an open descriptor, going on after signals and short writes. Returns 0 or the `errno`.
int write_fully(int fd, const void* data, size_t size);

}  // namespace hewn

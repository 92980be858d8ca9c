#pragma once
// Atomic changes of directories: neither a killed process nor a power cut leaves a partly written or partly
// removed directory under its final name. Directories can be locked while they are read.

#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/not_copied.h"
#include "core/io/descriptor.h"
#include "core/io/path.h"

namespace hewn {

/// Whether this path still names the open file or directory. Links are not followed.
bool has_name(int fd, const std::string& path);

/// Makes the creations, renames and removals in a directory durable. Throws ErrorCode::failed.
void sync_directory(const std::string& directory);

/// The temporary name, in the same parent, of a directory that is being replaced or removed. The callers of
/// `replace_directory` and `remove_directory` delete leftovers of killed processes there.
fs::path aside_of(const fs::path& directory);
/// Whether this is such a temporary name.
bool is_aside(std::string_view name);

/// Renames a complete directory to its final name and syncs the change to disk. An existing directory of that
/// name is exchanged with it atomically, then removed. Where the file system cannot exchange names (NFS, some
/// FUSE), a process killed between two renames leaves no directory under the name. Throws ErrorCode::failed.
void replace_directory(const std::string& fresh, const std::string& final_name);

/// Renames a file or directory, if there is one, to the first free name of PATH.1, PATH.2 ..., and returns
/// that name, or "". Throws ErrorCode::failed.
std::string move_aside(const std::string& path);

/// Removes a directory. Renames it first, so that a partly removed directory is never taken for a complete one. Does
/// nothing if a `DirectoryInUse` holds it, and returns false. Throws ErrorCode::failed.
bool remove_directory(const std::string& directory);

/// Protects a directory that is being read: `remove_directory` leaves it alone, in this and in every other
/// process. File systems without locks offer no such protection.
class DirectoryInUse {
 public:
  DirectoryInUse() = default;
  /// Waits while another process removes the directory; `is_there` is then false. A directory that cannot be
  /// opened is not protected.
  explicit DirectoryInUse(std::string path);

  /// Whether its path still leads to this directory; false if it was removed or replaced meanwhile.
  bool is_there() const;

 private:
  std::string path_;
  Descriptor directory_;
  bool missing_ = false;  // when the directory was opened
};

// A directory that is written under a temporary name and renamed once it is complete.

/// Locked while it is written: a directory left by a killed process is reused, one that another process is
/// writing is left alone. On file systems without locks, the caller ensures a single writer.
class UnfinishedDirectory : NotCopied {
 public:
  /// Creates the directory, or empties the remains of an earlier one. Throws ErrorCode::failed if that is
  /// impossible; the message is `in_use` if another process is writing the directory.
  UnfinishedDirectory(const std::string& path, const std::string& in_use);
  /// Removes the directory with its content, unless it is finished.
  ~UnfinishedDirectory();

  /// Its temporary path; "" once it is finished.
  const std::string& path() const { return path_; }
  /// The path at which to write the file with this name.
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  /// Call this once the directory, or all of its content, has its final name.
  void finish() { path_.clear(); }

 private:
  bool begin(const std::string& path, const std::string& in_use);

  std::string path_;
  Descriptor lock_;
};

/// Removes such a directory left by a killed process. Does nothing if there is none, or if a process is
/// writing it.
void remove_unfinished_directory(const std::string& path);

}  // namespace hewn

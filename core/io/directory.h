#pragma once
// Directories that change as a whole: created, exchanged and removed so that neither a killed process nor a power cut
// leaves part of one under its name, and locked while they are read.

#include <filesystem>
#include <string>
#include <string_view>

#include "core/io/descriptor.h"
#include "core/io/path.h"

namespace hewn {

/// Whether an open file or directory still has this name. Links are not followed.
bool has_name(int fd, const std::string& path);

/// Makes what was created, renamed or removed in a directory durable. Throws ErrorCode::failed.
void sync_directory(const std::string& directory);

/// The name beside it that a directory has while it is replaced or removed. The caller of `replace_directory` and
/// `remove_directory` removes what a killed process left there.
fs::path aside_of(const fs::path& directory);
/// Whether this is the name of such a directory.
bool is_aside(std::string_view name);

/// Renames a complete directory to its final name and syncs the change to disk. An existing directory of that
/// name is exchanged with it atomically, then removed; where the file system cannot exchange names (NFS, some FUSE), a
/// process killed between two renames leaves none under the name. Throws ErrorCode::failed.
void replace_directory(const std::string& fresh, const std::string& final_name);

/// Renames a file or directory, if there is one, to the first free name of PATH.1, PATH.2 ..., and returns that name, or
/// "". Throws ErrorCode::failed.
std::string move_aside(const std::string& path);

/// Removes a directory. Renames it first, so that a partly removed directory is never taken for a complete one. Does
/// nothing if a `DirectoryInUse` holds it, and returns false. Throws ErrorCode::failed.
bool remove_directory(const std::string& directory);

/// A directory that is being read, which `remove_directory` leaves alone in this process and in all others. File systems
/// without locks offer no such protection.
class DirectoryInUse {
 public:
  DirectoryInUse() = default;
  /// Waits while another process removes the directory; `is_there` then says that it is gone. A directory that cannot
  /// be opened is not protected.
  explicit DirectoryInUse(std::string path);

  /// Whether its path still leads to this directory; false if it was removed or replaced meanwhile.
  bool is_there() const;

 private:
  std::string path_;
  Descriptor directory_;
  bool missing_ = false;  // when it was to be opened
};

}  // namespace hewn

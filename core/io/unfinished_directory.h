#pragma once
// A directory that is written under a temporary name and renamed once it is complete.

#include <string>
#include <string_view>

#include "core/base/not_copied.h"
#include "core/io/descriptor.h"

namespace hewn {

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

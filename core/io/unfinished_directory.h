#pragma once
// A directory that is made under a temporary name, and renamed once it is whole.

#include <string>
#include <string_view>

#include "core/base/not_copied.h"
#include "core/io/descriptor.h"

namespace hewn {

/// It is locked while it is made: what a killed process left under the name is used again, and what another process is
/// making is left alone. File systems without locks are trusted to have one writer.
class UnfinishedDirectory : NotCopied {
 public:
  /// Creates it, or empties what is left of an earlier one. Throws ErrorCode::failed if that is impossible, with the
  /// message `in_use` if another process is making it.
  UnfinishedDirectory(const std::string& path, const std::string& in_use);
  /// Removes it with all that it holds, unless it is finished.
  ~UnfinishedDirectory();

  /// Where it is; "" once it is finished.
  const std::string& path() const { return path_; }
  /// Where to write the file with this name.
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }
  /// To be called when it, or all that it holds, has got its final name.
  void finish() { path_.clear(); }

 private:
  bool begin(const std::string& path, const std::string& in_use);

  std::string path_;
  Descriptor lock_;
};

/// Removes what a killed process left of such a directory; does nothing if there is none, or if a process is making it.
void remove_unfinished_directory(const std::string& path);

}  // namespace hewn

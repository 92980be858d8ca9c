#pragma once
// A directory for files that are needed only while a command runs.

#include <string>

#include "core/base/not_copied.h"

namespace hewn::cli {

/// Created in the system's directory for temporary files, with an unpredictable name and readable only by its
/// owner; the destructor removes it with its content.
class TemporaryDirectory : NotCopied {
 public:
  /// `purpose` is part of its name. Throws ErrorCode::failed.
  explicit TemporaryDirectory(const std::string& purpose);
  ~TemporaryDirectory();
  /// The path of a file in it.
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace hewn::cli

#pragma once
// A directory for files that are needed only while a command runs.

#include <string>

namespace hewn::cli {

/// Created in the system's directory for temporary files, under a name that nobody can predict, and readable by its
/// owner only; removed at the end with everything in it.
class TemporaryDirectory {
 public:
  /// `purpose` is part of its name. Throws ErrorCode::failed.
  explicit TemporaryDirectory(const std::string& purpose);
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  /// The path of a file in it.
  std::string path(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace hewn::cli

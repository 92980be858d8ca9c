#pragma once
// Writes a data set so that at every moment, also after a kill or a power cut, either the old one or the new one is
// whole under its name, or neither is taken for whole.

#include <optional>
#include <string>
#include <string_view>

#include "core/io/file.h"
#include "core/io/manifest.h"
#include "core/io/unfinished_directory.h"

namespace hewn {

/// A data set in the making. Its files are written to an unfinished directory beside the final one, which `publish`
/// replaces in one step. If the final directory cannot be replaced, because it holds other files, is a link or a mount
/// point, or is the working directory, the unfinished one is inside it, and `publish` moves the files, MANIFEST first:
/// after a kill during these renames, the data set is refused as a mixture (train/data/data_set_files.h). Files that are
/// not part of the data set are never touched.
class NewDataSet {
 public:
  /// Creates the unfinished directory, and removes those of killed processes. Throws ErrorCode::failed if `directory`
  /// holds a data set and `force` is not set, holds a MANIFEST of something else, is in use by another process, or
  /// cannot be created.
  NewDataSet(const std::string& directory, bool force);

  /// Where to write the files.
  const std::string& directory() const { return unfinished_->path(); }
  /// Where to write the file with this name.
  std::string file(std::string_view name) const { return unfinished_->file(name); }
  /// Records a written file. All must be added before `publish`.
  void add(const std::string& name, const FileSum& sum) { manifest_.add(name, sum); }
  /// Makes the data set durable under its name, and removes files of the one that it replaces. Throws
  /// ErrorCode::failed.
  void publish();

 private:
  void move_into_place();

  std::string target_;                             // absolute, without links
  bool replaces_ = false;                          // the target is exchanged as a whole
  std::optional<UnfinishedDirectory> unfinished_;  // removed with what was not published
  Manifest manifest_;
};

}  // namespace hewn

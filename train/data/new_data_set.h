#pragma once
// Writes a data set atomically: at every moment, even after a kill or a power cut, either the old or the new
// one is complete under its name, or the remains are recognised as incomplete.

#include <optional>
#include <string>
#include <string_view>

#include "core/io/file.h"
#include "core/io/manifest.h"
#include "core/io/unfinished_directory.h"

namespace hewn {

/// A data set being written. Its files go to an unfinished directory next to the final one, which `publish`
/// replaces in one step. If the final directory cannot be replaced because it holds other files, is a link or
/// a mount point, or is the working directory, the unfinished one is inside it, and `publish` moves the
/// files, MANIFEST first: after a kill during these renames, the data set is refused as a mixture
/// (train/data/data_set_files.h). Files that are not part of the data set are never touched.
class NewDataSet {
 public:
  /// Creates the unfinished directory, and removes those of killed processes. Throws ErrorCode::failed if `directory`
  /// holds a data set and `force` is not set, holds a MANIFEST of something else, is in use by another process, or
  /// cannot be created.
  NewDataSet(const std::string& directory, bool force);

  /// Where to write the files.
  const std::string& directory() const { return unfinished_->path(); }
  /// The path at which to write the file with this name.
  std::string file(std::string_view name) const { return unfinished_->file(name); }
  /// Records a written file. All must be added before `publish`.
  void add(const std::string& name, const FileSum& sum) { manifest_.add(name, sum); }
  /// Makes the data set durable under its name, and removes the files of the replaced one. Throws
  /// ErrorCode::failed.
  void publish();

 private:
  void move_into_place();

  std::string target_;                             // absolute, without links
  bool replaces_ = false;                          // the whole target directory is exchanged
  std::optional<UnfinishedDirectory> unfinished_;  // removes what was not published
  Manifest manifest_;
};

}  // namespace hewn

#pragma once
// The files of a prepared data set, and the MANIFEST that lists them (docs/formats.md, "Token files").

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/file.h"
#include "core/io/manifest.h"
#include "model/texts/texts.h"
#include "train/data/token_shards.h"

namespace hewn {

/// Whether `data prepare` gives this name to a file, besides MANIFEST.
bool is_data_file_name(std::string_view name);

/// The files in a directory with such names, sorted, token files first; none if the directory does not exist.
/// Throws `code` if it cannot be read.
std::vector<std::string> data_files_in(const std::string& directory, ErrorCode code);

/// Whether this is a directory of token files of any program (`find_token_files`).
bool is_data_directory(const std::string& path);

/// The token files in a directory, regardless of its MANIFEST. Throws like `find_token_files`, and
/// ErrorCode::input if the directory cannot be read.
TokenFileNames token_files_in(const std::string& directory);

/// The files of one data set, checked cheaply: all files listed in MANIFEST exist with the right sizes, all
/// except token files have the right checksums, and no file belongs to another data set. Checks nothing
/// without a MANIFEST: earlier versions and other programs write none.
class DataSetFiles {
 public:
  /// Throws ErrorCode::input, naming the mismatched file and the remedy.
  explicit DataSetFiles(std::string directory);

  std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }
  /// The token files of one side, at least one; a non-existent one if there is none.
  std::vector<ListedFile> token_files(SplitSide side) const;
  /// The entry of a file in MANIFEST; nothing without MANIFEST.
  std::optional<FileSum> sum(std::string_view name) const;
  /// How texts begin and end, if the files specify it. Throws ErrorCode::input if texts.json does not match
  /// this vocabulary.
  std::optional<TextForm> text_form(int64_t vocab_size) const;
  /// Whether another data set has replaced this one since it was opened.
  bool replaced() const;

 private:
  std::string directory_;
  std::string listed_;  // the content of MANIFEST; "" if there is none
  Manifest manifest_;
  TokenFileNames token_files_;
};

/// Whether to retry opening a data set after `tries` failures. `data prepare --force` may have replaced it
/// meanwhile, even twice with the old MANIFEST back in place, so only repeated failures are conclusive.
constexpr bool worth_another_try(int tries, bool replaced) { return tries < 3 || (replaced && tries < 20); }

// Writes a data set atomically: at every moment, even after a kill or a power cut, either the old or the new
// one is complete under its name, or the remains are recognised as incomplete.

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

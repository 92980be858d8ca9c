#pragma once
// The files of a prepared data set, and the MANIFEST that lists them (docs/formats.md, "Token files").

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.h"
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

}  // namespace hewn

#pragma once
// MANIFEST: lists the files of a checkpoint, one line "checksum  bytes  name" each, and those of its run that it depends
// on, with the name "RUN/tokenizer.json". The last line has the checksum of those above it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/io/file.h"

namespace hewn {

class Manifest {
 public:
  static constexpr const char* file_name = "MANIFEST";

  void add(const std::string& name, const FileSum& sum) { files_[name] = sum; }
  /// Adds a file of the run's directory with the content that it has now; nothing if there is no such file.
  void add_of_run(const std::string& run, const std::string& name);
  /// Writes it into `directory`. Must be called last: a directory without a manifest counts as incomplete.
  void write(const std::string& directory) const;
  /// Throws ErrorCode::input if it is missing, damaged or not a manifest. Earlier versions wrote no last line.
  static Manifest read(const std::string& directory);

  /// "" or a message about the first file of the directory that is missing or has another size or checksum. Of the file
  /// named `unread`, only the size is compared.
  std::string damage(const std::string& directory, const std::string& unread = {}) const;
  /// The same for the files of the run, or one of them. A file named *.jsonl grows: only the part that was there then is
  /// compared.
  std::string damage_of_run(const std::string& run, const std::string& only = {}) const;
  /// Names in the directory, in alphabetical order, that are not listed.
  std::vector<std::string> unlisted(const std::string& directory) const;
  const std::map<std::string, FileSum>& files() const { return files_; }
  const std::map<std::string, FileSum>& files_of_run() const { return files_of_run_; }

 private:
  std::string text() const;  // of the file
  std::map<std::string, FileSum> files_, files_of_run_;
};

}  // namespace hewn

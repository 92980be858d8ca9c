#pragma once
// MANIFEST: lists the files of a checkpoint, one line "checksum bytes name" each, and the files of its run
// that it depends on, named "RUN/tokenizer.json". The last line is the checksum of the lines above it.

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
  /// Adds a file of the run's directory with its present content; does nothing if there is no such file.
  void add_of_run(const std::string& run, const std::string& name);
  /// Writes the manifest into `directory`. Call this last: a directory without a manifest counts as
  /// incomplete.
  void write(const std::string& directory) const;
  /// Throws ErrorCode::input if the manifest is missing, damaged or malformed. Manifests of earlier versions
  /// have no checksum line.
  static Manifest read(const std::string& directory);

  /// "" or a message about the first file of the directory that is missing or whose size or checksum differs.
  /// The file named `unread` is compared by size only.
  std::string damage(const std::string& directory, const std::string& unread = {}) const;
  /// The same for the files of the run, or one of them. A file named *.jsonl may have grown since: only the
  /// part recorded in the manifest is compared.
  std::string damage_of_run(const std::string& run, const std::string& only = {}) const;
  /// The names in the directory that the manifest does not list, in alphabetical order.
  std::vector<std::string> unlisted(const std::string& directory) const;
  const std::map<std::string, FileSum>& files() const { return files_; }
  const std::map<std::string, FileSum>& files_of_run() const { return files_of_run_; }

 private:
  std::string text() const;  // of the file
  std::map<std::string, FileSum> files_, files_of_run_;
};

}  // namespace hewn

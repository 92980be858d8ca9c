#pragma once
// MANIFEST: lists the files of a directory that is written as a whole, one line "checksum  bytes  name" each.

#include <cstdint>
#include <map>
#include <string>

#include "core/io/file.h"

namespace hewn {

class Manifest {
 public:
  static constexpr const char* file_name = "MANIFEST";

  void add(const std::string& name, const FileSum& sum) { files_[name] = sum; }
  /// Writes it into `directory`. Must be called last: a directory without a manifest counts as incomplete.
  void write(const std::string& directory) const;
  /// Throws ErrorCode::input if it is missing or not a manifest.
  static Manifest read(const std::string& directory);
  /// How much to check. `quick`: all sizes, and the checksums of files of at most 64 MiB. `whole`: all checksums.
  enum class Look : uint8_t { quick, whole };
  /// "" or a message about the first file of the directory that is missing or has another size or checksum.
  std::string damage(const std::string& directory, Look look = Look::whole) const;
  const std::map<std::string, FileSum>& files() const { return files_; }

 private:
  std::map<std::string, FileSum> files_;
};

/// Renames a complete directory to its final name and syncs the change to disk. An existing directory of that
/// name is exchanged with it atomically, then removed. Throws ErrorCode::failed.
void replace_directory(const std::string& fresh, const std::string& final_name);

/// Removes a directory. Renames it first, so that a partly removed directory is never taken for a complete one.
void remove_directory(const std::string& directory);

}  // namespace hewn

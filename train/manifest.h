#pragma once
// MANIFEST: what a directory written in one go holds, one line "checksum  bytes  name" per file.

#include <cstdint>
#include <map>
#include <string>

#include "core/io/file.h"

namespace hewn {

class Manifest {
 public:
  static constexpr const char* file_name = "MANIFEST";

  void add(const std::string& name, const FileSum& sum) { files_[name] = sum; }
  /// Writes it into `directory`; last, since a directory without one does not count.
  void write(const std::string& directory) const;
  /// Throws ErrorCode::input when it is missing or not a manifest.
  static Manifest read(const std::string& directory);
  /// How far to look: at sizes, and at the bytes of files of at most 64 MB, which takes no time; or at all
  /// bytes.
  enum class Look : uint8_t { quick, whole };
  /// "" or the first file of the directory that is missing, of another size or another checksum.
  std::string damage(const std::string& directory, Look look = Look::whole) const;
  const std::map<std::string, FileSum>& files() const { return files_; }

 private:
  std::map<std::string, FileSum> files_;
};

/// Renames a complete directory to its final name, durably. An older one of that name changes places with it
/// in one step and is then removed. Throws ErrorCode::failed.
void replace_directory(const std::string& fresh, const std::string& final_name);

/// Removes a directory, by another name first, so that half of it never counts.
void remove_directory(const std::string& directory);

}  // namespace hewn

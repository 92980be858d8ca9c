#include "train/data/data_set_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "core/error.h"
#include "core/io/path.h"

namespace hewn {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_manifest_bytes = size_t{1} << 20;

/// The content of MANIFEST, "" if there is none.
std::string listing_of(const std::string& directory) {
  const std::string path = directory + "/" + Manifest::file_name;
  return path_exists(path) ? read_small_file(path, most_manifest_bytes) : "";
}

Manifest manifest_of(const std::string& directory) {
  try {
    return Manifest::read(directory);
  } catch (const Error& error) {
    throw Error(error.code(), join(error.one_line(),
                                   "; if this file is not of the data set, move it elsewhere; otherwise "
                                   "remove it and prepare the data again with `hewn data prepare --force`"));
  }
}

bool is_token_file(std::string_view name) { return name.ends_with(".bin"); }

/// Throws unless the files have the sizes, and the small ones the checksums, that the manifest states.
void check(const DataSetFiles& files, const Manifest& manifest) {
  const std::string list = files.path(Manifest::file_name),
                    remedy = "; prepare the data again with `hewn data prepare --force`";
  for (const auto& [name, expected] : manifest.files()) {
    const std::string path = files.path(name);
    std::error_code error;
    const uint64_t size = fs::file_size(path, error);
    if (error) fail(ErrorCode::input, path, ": ", list, " lists it, but ", error.message(), remedy);
    if (size != expected.size)
      fail(ErrorCode::input, path, ": has ", size, " bytes, but ", list, " lists ", expected.size,
           "; the file is damaged or belongs to another data set", remedy);
    if (!is_token_file(name) && sum_file(path) != expected)
      fail(ErrorCode::input, path, ": has another checksum than ", list,
           " lists; the file is damaged or belongs to another data set", remedy);
  }
  for (const std::string_view name : data_file_names)
    if (!files.sum(name) && path_exists(files.path(name)))
      fail(ErrorCode::input, files.path(name), ": ", list,
           " does not list it, so it belongs to another data set; move it elsewhere, or prepare the data "
           "again with "
           "`hewn data prepare --force`");
}

}  // namespace

bool is_data_directory(const std::string& path) {
  return path_exists(path + "/train.bin") || path_exists(path + "/val.bin");
}

DataSetFiles::DataSetFiles(std::string directory) : directory_(std::move(directory)) {
  for (int tries = 1;; ++tries) {
    listed_ = listing_of(directory_);
    manifest_ = {};
    if (!path_exists(path(Manifest::file_name))) return;
    try {
      manifest_ = manifest_of(directory_);
      check(*this, manifest_);
      return;
    } catch (const Error&) {
      if (!worth_another_try(tries, replaced())) throw;
    }
  }
}

std::optional<FileSum> DataSetFiles::sum(std::string_view name) const {
  const auto at = manifest_.files().find(std::string(name));
  if (at == manifest_.files().end()) return std::nullopt;
  return at->second;
}

bool DataSetFiles::replaced() const {
  try {
    return listing_of(directory_) != listed_;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace hewn

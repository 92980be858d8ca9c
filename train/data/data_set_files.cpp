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
    throw Error(
        error.code(),
        join(error.one_line(),
             "; if this file does not belong to the data set, move it elsewhere; otherwise remove it and ",
             prepare_again));
  }
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(directory)) names.push_back(entry.filename().string());
  return names;
}

std::vector<std::string> names_of(const Manifest& manifest) {
  std::vector<std::string> names;
  for (const auto& [name, sum] : manifest.files()) names.push_back(name);
  return names;
}

/// Throws unless the files have the sizes, and the small ones the checksums, that the manifest states.
void check(const DataSetFiles& files, const std::string& directory, const Manifest& manifest) {
  const std::string list = files.path(Manifest::file_name), remedy = join("; ", prepare_again);
  for (const auto& [name, expected] : manifest.files()) {
    const std::string path = files.path(name);
    std::error_code error;
    const uint64_t size = fs::file_size(path, error);
    if (error)
      fail(ErrorCode::input, path, ": cannot be read, although ", list, " lists it: ", error.message(),
           remedy);
    if (size != expected.size)
      fail(ErrorCode::input, path, ": has ", size, " bytes, but ", list, " lists ", expected.size,
           "; the file is damaged or belongs to another data set", remedy);
    if (!is_token_file_name(name) && sum_file(path) != expected)
      fail(ErrorCode::input, path, ": its checksum differs from that in ", list,
           "; the file is damaged or belongs to another data set", remedy);
  }
  for (const std::string& name : data_files_in(directory, ErrorCode::input))
    if (!files.sum(name))
      fail(ErrorCode::input, files.path(name), ": ", list,
           " does not list it, so it belongs to another data set; move it elsewhere, or ", prepare_again);
}

}  // namespace

bool is_data_file_name(std::string_view name) {
  return name == "tokenizer.json" || name == text_form_file || is_token_file_name(name);
}

std::vector<std::string> data_files_in(const std::string& directory, ErrorCode code) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::path& entry : entries_of(directory, error))
    if (const std::string name = entry.filename().string(); is_data_file_name(name)) names.push_back(name);
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    fail_at(code, directory, "cannot be read", error.value());
  std::stable_partition(names.begin(), names.end(), is_token_file_name);
  return names;
}

bool is_data_directory(const std::string& path) {
  if (!path_is_directory(path)) return false;
  const std::vector<std::string> names = names_in(path);
  return std::any_of(names.begin(), names.end(), is_any_token_file_name);
}

TokenFileNames token_files_in(const std::string& directory) {
  return find_token_files(directory, names_in(directory));
}

DataSetFiles::DataSetFiles(std::string directory) : directory_(std::move(directory)) {
  for (int tries = 1;; ++tries) {
    listed_ = listing_of(directory_);
    manifest_ = {};
    try {
      const bool listed = path_exists(path(Manifest::file_name));
      if (listed) {
        manifest_ = manifest_of(directory_);
        check(*this, directory_, manifest_);
      }
      token_files_ = listed ? find_token_files(directory_, names_of(manifest_)) : token_files_in(directory_);
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

std::vector<ListedFile> DataSetFiles::token_files(SplitSide side) const {
  std::vector<ListedFile> files;
  for (const std::string& name : token_files_.of(side)) files.push_back({path(name), sum(name)});
  return files;
}

std::optional<TextForm> DataSetFiles::text_form(int64_t vocab_size) const {
  if (!sum(text_form_file)) return std::nullopt;
  const Doing reading("reading ", path(text_form_file));
  return text_form_from_json(read_small_file(path(text_form_file), most_manifest_bytes),
                             static_cast<int32_t>(vocab_size));
}

bool DataSetFiles::replaced() const {
  try {
    return listing_of(directory_) != listed_;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace hewn

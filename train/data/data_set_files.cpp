#include "train/data/data_set_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "core/error.h"
#include "core/io/directory.h"
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

namespace {

namespace fs = std::filesystem;

constexpr std::string_view fresh_prefix = ".unfinished-";

bool is_part_of_data_set(const std::string& name) {
  return name == Manifest::file_name || is_data_file_name(name);
}

/// The name of a file that is neither part of a data set nor left by a killed process; "" if there is none.
std::string other_file(const std::string& directory) {
  if (!path_is_directory(directory)) return "";
  for (const fs::path& entry : entries_of(directory)) {
    const std::string name = entry.filename().string();
    const bool part = is_part_of_data_set(name) && !path_is_directory(entry);
    if (!part && !is_temporary(name) && !name.starts_with(fresh_prefix) && !is_aside(name)) return name;
  }
  return "";
}

/// The path without links, "." and trailing slashes. Parts that do not exist yet remain.
std::string resolved(const std::string& path) {
  const fs::path whole = resolved_path(path, ErrorCode::failed);
  return (whole.has_filename() ? whole : whole.parent_path()).string();
}

std::string parent_of(const std::string& path) { return fs::path(path).parent_path().string(); }

/// Whether a directory can be exchanged with one beside it: it holds only a data set, and is neither the
/// working directory nor a mount point.
bool replaceable(const std::string& directory) {
  struct stat status {};
  struct stat parent {};
  if (::stat(directory.c_str(), &status) != 0) return errno == ENOENT;
  std::error_code error;
  const bool is_working_directory = fs::equivalent(directory, fs::current_path(error), error);
  return !is_working_directory && ::stat(parent_of(directory).c_str(), &parent) == 0 &&
         status.st_dev == parent.st_dev && ::access(parent_of(directory).c_str(), W_OK) == 0 &&
         other_file(directory).empty();
}

std::string beside(const std::string& target) {
  const fs::path path(target);
  return (path.parent_path() / (std::string(fresh_prefix) + path.filename().string())).string();
}

std::string inside(const std::string& target) { return target + "/" + std::string(fresh_prefix) + "data"; }

/// Removes what a killed process left while it replaced the directory. If it was killed between two renames on a file
/// system that cannot exchange directories, the old data set gets its name back.
void sweep_replaced(const std::string& target) {
  const fs::path old = aside_of(target);
  std::error_code ignored;
  if (path_exists(target, ErrorCode::failed))
    remove_tree(old, ignored);
  else
    rename_path(old, target, ignored);
}

void refuse_existing(const std::string& target, const std::string& shown, bool force) {
  if (const auto names = data_files_in(target, ErrorCode::failed); !force && !names.empty())
    fail(ErrorCode::failed, shown, "/", names.front(),
         ": already exists; write to another directory, or replace it with --force");
  if (!path_exists(target + "/" + Manifest::file_name, ErrorCode::failed)) return;
  bool of_data = false;
  try {
    const Manifest manifest = Manifest::read(target);
    of_data = std::any_of(manifest.files().begin(), manifest.files().end(),
                          [](const auto& file) { return is_token_file_name(file.first); });
  } catch (const Error&) {  // of another program, or damaged
  }
  if (!force || !of_data)
    fail(ErrorCode::failed, shown, "/", Manifest::file_name, ": already exists",
         of_data ? "; write to another directory, or replace it with --force"
                 : " and does not belong to a data set; write to another directory, or remove it");
}

}  // namespace

NewDataSet::NewDataSet(const std::string& directory, bool force) : target_(resolved(directory)) {
  const std::string shown = directory.ends_with('/') ? directory.substr(0, directory.size() - 1) : directory;
  sweep_replaced(target_);
  if (path_exists(target_, ErrorCode::failed) && !path_is_directory(target_))
    fail(ErrorCode::failed, directory, ": cannot be created: it is a file; choose another directory");
  refuse_existing(target_, shown, force);
  make_directories(parent_of(target_));
  replaces_ = replaceable(target_);
  remove_unfinished_directory(replaces_ ? inside(target_) : beside(target_));
  unfinished_.emplace(
      replaces_ ? beside(target_) : inside(target_),
      target_ +
          ": another process is preparing this data set; wait for it to end, or choose another --out_dir");
}

void NewDataSet::publish() {
  manifest_.write(directory());
  if (replaces_) {
    // The old directory is removed with all that it holds.
    if (const std::string other = other_file(target_); !other.empty())
      fail(ErrorCode::failed, target_, "/", other,
           ": appeared while the data set was being made, and is kept; start again");
    struct stat old {};
    if (::stat(target_.c_str(), &old) == 0) (void)retried(::chmod, directory().c_str(), old.st_mode & 07777);
    replace_directory(directory(), target_);
  } else {
    move_into_place();
  }
  unfinished_->finish();
}

void NewDataSet::move_into_place() {
  std::vector<std::string> names{Manifest::file_name};
  for (const auto& [name, sum] : manifest_.files()) names.push_back(name);
  for (const std::string& name : names) {
    if (retried(::rename, file(name).c_str(), (target_ + "/" + name).c_str()) != 0)
      fail_at(ErrorCode::failed, target_ + "/" + name, "cannot be written", errno);
    if (name == Manifest::file_name) sync_directory(target_);  // no file may take its place before MANIFEST
  }
  // Shards of a longer data set.
  for (const std::string& name : data_files_in(target_, ErrorCode::failed))
    if (const std::string path = target_ + "/" + name;
        !manifest_.files().contains(name) && retried(::unlink, path.c_str()) != 0)
      fail_at(ErrorCode::failed, path, "cannot be removed", errno);
  sync_directory(target_);
  (void)retried(::rmdir, directory().c_str());
}

}  // namespace hewn

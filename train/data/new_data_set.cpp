#include "train/data/new_data_set.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/path.h"
#include "train/data/data_set_files.h"

namespace hewn {
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

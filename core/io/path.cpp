#include "core/io/path.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <initializer_list>

#include "core/io/directory.h"

namespace hewn {
namespace {

std::string advice(int error, const std::string& path) {
  switch (error) {
    case ENOENT: {
      const std::string directory = directory_of(path);
      std::error_code ignored;
      if (!fs::exists(directory, ignored)) return "; there is no directory " + directory;
      return "; check the name";
    }
    case ENOTDIR: return "; a part of the path is a file; check the name";
    case ENAMETOOLONG: return "; shorten the name, most file systems allow 255 bytes";
    case ELOOP: return "; one of its symbolic links leads back to itself; correct that link";
    case EACCES:
    case EPERM: return "; check the permissions of the file and its directory";
    case ENOSPC:
    case EDQUOT: return "; free some space or write elsewhere";
    case EFBIG:
      return "; raise the limit on file sizes (ulimit -f), or write to a file system that can hold files "
             "this large";
    case EROFS: return "; write elsewhere, since this file system is read-only";
    case EIO: return "; the disk may be failing; check the system log";
    case EMFILE: return "; raise the limit with ulimit -n";
    default: return "";
  }
}

/// What is at a path; throws `code` if that cannot be known.
fs::file_type type_of(const fs::path& path, ErrorCode code = ErrorCode::input) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (error && status.type() == fs::file_type::none) fail_at(code, path, "cannot be accessed", error.value());
  return status.type();
}

bool is_too_long(const std::string& word) {
  std::error_code error;
  return fs::status(word, error).type() == fs::file_type::none && error.value() == ENAMETOOLONG;
}

}  // namespace

void fail_at(ErrorCode code, const fs::path& path, std::string_view what, int error) {
  fail(code, path, ": ", what, ": ", std::generic_category().message(error), advice(error, path.string()));
}

bool path_exists(const fs::path& path, ErrorCode code) {
  return type_of(path, code) != fs::file_type::not_found;
}

bool path_is_directory(const fs::path& path) { return type_of(path) == fs::file_type::directory; }

bool path_is_file(const fs::path& path) { return type_of(path) == fs::file_type::regular; }

bool word_is_path(const std::string& word) { return !is_too_long(word) && path_exists(word); }

bool word_is_file(const std::string& word) { return !is_too_long(word) && path_is_file(word); }

std::string absolute_path(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  if (error) fail_at(ErrorCode::failed, path, "has no absolute path", error.value());
  return whole.lexically_normal().string();
}

fs::path resolved_path(const fs::path& path, ErrorCode code) {
  std::error_code error;
  const fs::path resolved = fs::weakly_canonical(absolute_path(path), error);
  if (error) fail_at(code, path, "cannot be accessed", error.value());
  return resolved;
}

std::string directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

uint64_t file_bytes(const fs::path& path) {
  std::error_code error;
  const uint64_t bytes = fs::file_size(path, error);
  if (error) fail_at(ErrorCode::input, path, "cannot be read", error.value());
  return bytes;
}

std::vector<fs::path> entries_of(const fs::path& directory, std::error_code& error) {
  std::vector<fs::path> entries;
  fs::directory_iterator entry;
  until_done(error, [&] { entry = fs::directory_iterator(directory, error); });
  while (!error && entry != fs::directory_iterator()) {
    entries.push_back(entry->path());
    entry.increment(error);
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

std::vector<fs::path> entries_of(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> entries = entries_of(directory, error);
  if (error) fail_at(ErrorCode::input, directory, "cannot be listed", error.value());
  return entries;
}

void rename_path(const fs::path& from, const fs::path& to, std::error_code& error) {
  until_done(error, [&] { fs::rename(from, to, error); });
}

void remove_tree(const fs::path& path, std::error_code& error) {
  until_done(error, [&] { fs::remove_all(path, error); });
}

void make_directories(const fs::path& directory) {
  std::error_code error, unknown;
  std::vector<fs::path> holders;  // of new directories
  for (fs::path part = directory; !part.empty() && !fs::exists(part, unknown) && part != part.parent_path();
       part = part.parent_path())
    holders.push_back(part.has_parent_path() ? part.parent_path() : ".");
  until_done(error, [&] { fs::create_directories(directory, error); });
  if (error) fail_at(ErrorCode::failed, directory, "cannot be created", error.value());
  for (const fs::path& holder : holders) sync_directory(holder.string());
}

fs::path directory_for_temporaries() {
  std::error_code error;
  const fs::path directory = fs::temp_directory_path(error);
  if (!error) return directory;
  const char* given = nullptr;
  for (const char* const name : {"TMPDIR", "TMP", "TEMP", "TEMPDIR"})  // as the library looks for it
    if (!given) given = std::getenv(name);
  fail_at(ErrorCode::failed, given ? given : "/tmp", "cannot hold temporary files", error.value());
}

std::string running_program() {
  std::error_code error;
  const std::string link = "/proc/self/exe";
  const fs::path program = fs::read_symlink(link, error);
  if (error) fail_at(ErrorCode::failed, link, "cannot be read", error.value());
  return program.string();
}

}  // namespace hewn

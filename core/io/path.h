#pragma once
// Queries on paths, and creation of directories. The throwing functions of std::filesystem are not used:
// their exceptions name neither purpose nor remedy. Every error here names the path, the system's reason and
// the remedy.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace hewn {

namespace fs = std::filesystem;

/// Throws `code` with "PATH: WHAT: the reason of this `errno`; advice". Words all system errors about files.
[[noreturn]] void fail_at(ErrorCode code, const fs::path& path, std::string_view what, int error);

/// Whether something exists at `path`; links are followed. False if a part of the path is missing or is a file. Throws
/// `code` (ErrorCode::failed for an output) if that cannot be determined: a directory without permission, a
/// name that is too long, a loop of links.
bool path_exists(const fs::path& path, ErrorCode code = ErrorCode::input);
/// Whether `path` is a directory. Throws ErrorCode::input if that cannot be determined.
bool path_is_directory(const fs::path& path);
/// Whether `path` is a regular file. Throws ErrorCode::input if that cannot be determined.
bool path_is_file(const fs::path& path);

/// Whether a word, which may or may not be a path, names an existing path. Unlike `path_exists`, returns
/// false for a word too long for a path, such as a text.
bool word_is_path(const std::string& word);
/// The same for a regular file.
bool word_is_file(const std::string& word);

/// The absolute path, without "." and "..". Links are not followed. Throws ErrorCode::failed if the working
/// directory no longer exists.
std::string absolute_path(const fs::path& path);
/// The absolute path, with links followed as far as the path exists. Throws `code` if a link cannot be
/// followed.
fs::path resolved_path(const fs::path& path, ErrorCode code = ErrorCode::input);
/// The directory of a file: "." for a name without one.
std::string directory_of(const std::string& path);

/// Size of a file in bytes. Throws ErrorCode::input.
uint64_t file_bytes(const fs::path& path);

/// The sorted paths of a directory's entries. Throws ErrorCode::input if it is missing or cannot be read.
std::vector<fs::path> entries_of(const fs::path& directory);
/// The same; if the directory cannot be read, sets `error` and returns the entries read so far.
std::vector<fs::path> entries_of(const fs::path& directory, std::error_code& error);

/// Creates a directory and its missing parents, and makes all of them durable; otherwise a power cut could
/// lose files synced inside them. Existing directories stay unchanged. Throws ErrorCode::failed.
void make_directories(const fs::path& directory);

/// Repeats a call of std::filesystem, which sets `error`, until no signal interrupts it.
template <class Call>
void until_done(std::error_code& error, const Call& call) {
  do call();
  while (error == std::errc::interrupted);
}

/// As in std::filesystem, repeated by `until_done`: renames `from`, replacing a file at `to`; removes a file,
/// or a directory and its content.
void rename_path(const fs::path& from, const fs::path& to, std::error_code& error);
void remove_tree(const fs::path& path, std::error_code& error);

/// The directory for temporary files: TMPDIR (or TMP, TEMP, TEMPDIR), else /tmp. Throws ErrorCode::failed if
/// that is not a directory.
fs::path directory_for_temporaries();

/// The path of the running executable. Throws ErrorCode::failed where /proc is not mounted.
std::string running_program();

}  // namespace hewn

#pragma once
// Questions about paths, and new directories. Functions of std::filesystem that throw are called nowhere, because their
// exceptions name neither the purpose nor the remedy: every error here names the path, the system's reason and what to
// do.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/error.h"

namespace hewn {

namespace fs = std::filesystem;

/// Throws `code` with "PATH: WHAT: the reason of this `errno`; advice". All errors of the system about files are worded
/// here.
[[noreturn]] void fail_at(ErrorCode code, const fs::path& path, std::string_view what, int error);

/// Whether something exists at `path`; links are followed. False if a part of the path is missing or is a file. Throws
/// `code` (ErrorCode::failed for an output) if that cannot be known: a directory that may not be entered, a name that is
/// too long, a loop of links.
bool path_exists(const fs::path& path, ErrorCode code = ErrorCode::input);
/// Whether that is a directory. Throws ErrorCode::input if it cannot be known.
bool path_is_directory(const fs::path& path);
/// Whether that is a regular file. Throws ErrorCode::input if it cannot be known.
bool path_is_file(const fs::path& path);

/// Whether a word, which may be a path or something else, names a path that exists. Unlike `path_exists`, this is false
/// for a word that is too long for a path, such as a text.
bool word_is_path(const std::string& word);
/// The same, and it is a regular file.
bool word_is_file(const std::string& word);

/// The path from the root, without "." and "..". Links are not followed. Throws ErrorCode::failed if the working
/// directory no longer exists.
std::string absolute_path(const fs::path& path);
/// The path from the root, with links followed as far as it exists. Throws `code` if they cannot be.
fs::path resolved_path(const fs::path& path, ErrorCode code = ErrorCode::input);
/// The directory of a file: "." for a name without one.
std::string directory_of(const std::string& path);

/// Size of a file in bytes. Throws ErrorCode::input.
uint64_t file_bytes(const fs::path& path);

/// What is in a directory, by path, sorted. Throws ErrorCode::input if it is missing or cannot be read.
std::vector<fs::path> entries_of(const fs::path& directory);
/// The same; if the directory cannot be read, sets `error` and returns what was read.
std::vector<fs::path> entries_of(const fs::path& directory, std::error_code& error);

/// Creates a directory and those above it that are missing, and makes all of them durable: a power cut could otherwise
/// take with them what was synced inside. One that exists is left as it is. Throws ErrorCode::failed.
void make_directories(const fs::path& directory);

/// Calls a function of std::filesystem, which sets `error`, again while a signal interrupts it.
template <class Call>
void until_done(std::error_code& error, const Call& call) {
  do call();
  while (error == std::errc::interrupted);
}

/// As in std::filesystem, by `until_done`: renames what is at `from`, replacing a file at `to`; removes a file, or a
/// directory with what is in it.
void rename_path(const fs::path& from, const fs::path& to, std::error_code& error);
void remove_tree(const fs::path& path, std::error_code& error);

/// Where temporary files belong: TMPDIR (or TMP, TEMP, TEMPDIR), else /tmp. Throws ErrorCode::failed if that is not a directory.
fs::path directory_for_temporaries();

/// The file of the running program. Throws ErrorCode::failed where /proc is not mounted.
std::string running_program();

}  // namespace hewn

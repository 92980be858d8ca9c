#include "core/io/manifest.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/path.h"

namespace hewn {
namespace {

constexpr std::string_view of_run = "RUN/";
constexpr size_t most_bytes = size_t{1} << 20;

std::string line_of(const FileSum& sum, std::string_view name) {
  return join(to_hex(sum.checksum), "  ", sum.size, "  ", name, "\n");
}

/// Whether a name is that of a file in a directory, and can be shown.
bool is_name(const std::string& name) {
  return !name.empty() && std::none_of(name.begin(), name.end(),
                                       [](unsigned char c) { return c == '/' || c <= ' ' || c == 0x7f; });
}

bool grows(const std::string& name) { return name.ends_with(".jsonl"); }

enum class Compare : uint8_t { all, beginning, size };

/// "" or what differs in a file from what was written.
std::string difference(const fs::path& path, const std::string& name, const FileSum& expected, Compare how) {
  const bool may_be_longer = how == Compare::beginning;
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error) return name + " cannot be read: " + error.message();
  if (may_be_longer ? size < expected.size : size != expected.size)
    return join(name, " has ", size, " bytes; expected ", may_be_longer ? "at least " : "", expected.size);
  try {
    if (how != Compare::size && sum_file(path.string(), expected.size) != expected)
      return name + " has changed since it was written (its checksum differs)";
  } catch (const Error& unreadable) {
    return unreadable.one_line();
  }
  return {};
}

}  // namespace

void Manifest::add_of_run(const std::string& run, const std::string& name) {
  const std::string path = run + "/" + name;
  if (path_exists(path, ErrorCode::failed)) files_of_run_[name] = sum_file(path);
}

std::string Manifest::text() const {
  std::string lines;
  for (const auto& [name, sum] : files_) lines += line_of(sum, name);
  for (const auto& [name, sum] : files_of_run_) lines += line_of(sum, join(of_run, name));
  return lines + line_of({lines.size(), checksum(lines)}, file_name);
}

void Manifest::write(const std::string& directory) const {
  write_file_atomically((fs::path(directory) / file_name).string(), text());
}

Manifest Manifest::read(const std::string& directory) {
  const std::string path = (fs::path(directory) / file_name).string();
  const Doing context("reading ", path);
  const std::string text = read_small_file(path, most_bytes);
  std::istringstream lines(text);
  Manifest manifest;
  std::string line;
  bool ended = false;
  for (int number = 1; std::getline(lines, line); ++number) {
    std::istringstream fields(line);
    std::string digits, name, more;
    uint64_t size = 0;
    const bool complete = fields >> digits >> size >> name && !(fields >> more) && !ended;
    const bool inside_run = name.starts_with(of_run);
    if (inside_run) name.erase(0, of_run.size());
    if (!complete || !is_name(name))
      fail(ErrorCode::input, "line ", number, " does not have the form \"checksum  bytes  name\"");
    ended = !inside_run && name == file_name;
    if (!ended) (inside_run ? manifest.files_of_run_ : manifest.files_)[name] = {size, from_hex(digits)};
  }
  if (manifest.files_.empty()) fail(ErrorCode::input, "the file is empty");
  if (ended && text != manifest.text())
    fail(ErrorCode::input,
         "the file has changed since it was written (the checksum in its last line differs)");
  return manifest;
}

std::string Manifest::damage(const std::string& directory, const std::string& unread) const {
  for (const auto& [name, expected] : files_) {
    const auto how = name == unread ? Compare::size : Compare::all;
    if (const auto what = difference(fs::path(directory) / name, name, expected, how); !what.empty())
      return what;
  }
  return {};
}

std::string Manifest::damage_of_run(const std::string& run, const std::string& only) const {
  for (const auto& [name, expected] : files_of_run_) {
    if (!only.empty() && name != only) continue;
    const auto how = grows(name) ? Compare::beginning : Compare::all;
    if (const auto what = difference(fs::path(run) / name, name, expected, how); !what.empty()) return what;
  }
  return {};
}

std::vector<std::string> Manifest::unlisted(const std::string& directory) const {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::path& entry : entries_of(directory, error))
    if (const std::string name = entry.filename().string(); name != file_name && !files_.contains(name))
      names.push_back(name);
  return names;
}

}  // namespace hewn

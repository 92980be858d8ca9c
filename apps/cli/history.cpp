#include "apps/cli/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/file.h"
#include "core/io/path.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

constexpr size_t most_lines = 1000, most_kept_bytes = 4096;
constexpr size_t most_file_bytes = size_t{16} << 20;

bool can_be_kept(const std::string& line) {
  const bool plain = std::none_of(line.begin(), line.end(),
                                  [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
  return plain && !line.empty() && line.size() <= most_kept_bytes && valid_utf8_prefix(line) == line.size();
}

// Opens a regular file, created with mode 0600; returns none with errno on failure. Does not wait for the other
// end of a pipe.
Descriptor open_private(const std::string& path, int flags) {
  Descriptor file(
      retried(::open, path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0600));
  struct stat status {};
  if (file.is_open() && (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))) {
    errno = EINVAL;
    return {};
  }
  return file;
}

// Appends to the file or replaces it by a new one; returns 0 or the errno.
int write_private(const std::string& path, const std::string& text, bool append) {
  const std::string written = append ? path : path + ".new";
  const Descriptor file = open_private(written, append ? O_APPEND : O_TRUNC);
  if (!file.is_open()) return errno;
  const int error = write_fully(file.get(), text.data(), text.size());
  if (error != 0 || append) return error;
  return retried(::rename, written.c_str(), path.c_str()) == 0 ? 0 : errno;
}

void make_private_directory(const fs::path& path) {
  std::error_code ignored;
  if (path.empty() || fs::exists(path, ignored)) return;
  fs::create_directories(path.parent_path(), ignored);
  (void)retried(::mkdir, path.c_str(), 0700U);
}

}  // namespace

std::string default_history_file() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state && *state == '/') return std::string(state) + "/hewn/history";  // relative paths must be ignored
  const char* home = std::getenv("HOME");
  return home && *home == '/' ? std::string(home) + "/.local/state/hewn/history" : "";
}

History::History(const std::string& path) : path_(path) {
  std::error_code ignored;
  if (path.empty() || !fs::is_regular_file(path, ignored)) return;
  try {
    const std::string content = read_small_file(path, most_file_bytes);
    for (size_t at = 0, end; at < content.size(); at = end + 1) {
      end = std::min(content.find('\n', at), content.size());
      std::string line = content.substr(at, end - at);
      if (can_be_kept(line)) lines_.push_back(std::move(line));
    }
  } catch (const Error& error) {
    detail("cannot read the history: ", error.what());
    path_.clear();
  }
  const size_t read = lines_.size();
  if (read > most_lines) lines_.erase(lines_.begin(), lines_.end() - most_lines);
  if (read <= 2 * most_lines) return;
  std::string kept;
  for (const std::string& line : lines_) kept += line + "\n";
  if (const int error = write_private(path_, kept, false))
    detail(path_, ": cannot be shortened: ", std::strerror(error));
}

void History::add(const std::string& line) {
  if (!can_be_kept(line) || (!lines_.empty() && lines_.back() == line)) return;
  lines_.push_back(line);
  if (path_.empty()) return;
  make_private_directory(fs::path(path_).parent_path());
  const int error = write_private(path_, line + "\n", true);
  if (error == 0) return;
  detail(path_, ": the history is not kept: ", std::strerror(error));
  path_.clear();
}

std::optional<size_t> History::find_before(size_t end, const std::string& wanted) const {
  for (size_t i = std::min(end, lines_.size()); i-- > 0;)
    if (lines_[i].find(wanted) != std::string::npos) return i;
  return std::nullopt;
}

}  // namespace hewn::cli

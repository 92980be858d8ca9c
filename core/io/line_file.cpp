#include "core/io/line_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "core/error.h"
#include "core/io/directory.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn {

std::vector<std::string> complete_lines(const std::string& path, size_t max_bytes) {
  std::vector<std::string> lines;
  if (!path_exists(path)) return lines;
  const std::string text = read_small_file(path, max_bytes);
  size_t begin = 0;
  for (size_t end; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

LineFile::LineFile(std::string path, size_t max_bytes)
    : path_(std::move(path)), lines_(complete_lines(path_, max_bytes)) {
  size_t complete = 0;
  for (const std::string& line : lines_) complete += line.size() + 1;
  if (!path_exists(path_) || file_bytes(path_) == complete) return;
  std::error_code error;  // in place, as the file may be locked
  until_done(error, [&] { fs::resize_file(path_, complete, error); });
  if (error) fail_at(ErrorCode::failed, path_, "cannot be written", error.value());
}

void LineFile::add(const std::string& line) {
  require(line.find('\n') == line.npos, path_, ": a line cannot contain a line end");
  const Descriptor file(retried(::open, path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666));
  const auto give_up = [&](int error) { fail_at(ErrorCode::failed, path_, "cannot be written", error); };
  if (!file.is_open()) give_up(errno);
  struct stat status {};
  int error = ::fstat(file.get(), &status) == 0 ? 0 : errno;
  if (!error) {
    const std::string bytes = line + "\n";
    error = write_fully(file.get(), bytes.data(), bytes.size());
    if (!error && retried(::fsync, file.get()) != 0) error = errno;
    if (error && retried(::ftruncate, file.get(), status.st_size) != 0) {
      // The next process removes the incomplete line.
    }
  }
  if (error) give_up(error);
  if (lines_.empty()) sync_directory(directory_of(path_));  // the file may be new
  lines_.push_back(line);
}

}  // namespace hewn

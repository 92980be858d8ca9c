#pragma once
// An append-only text file, such as the results of long work that may be killed.

#include <cstddef>
#include <string>
#include <vector>

namespace hewn {

inline constexpr size_t most_line_file_bytes = size_t{1} << 28;

/// The complete lines of such a file. An incomplete last line, being written or left by a killed process, is
/// dropped. Empty if the file does not exist. Throws ErrorCode::input if it cannot be read or is too large.
std::vector<std::string> complete_lines(const std::string& path, size_t max_bytes = most_line_file_bytes);

class LineFile {
 public:
  /// Reads the lines of the file, if it exists, and removes an incomplete last line from it. No other process
  /// may be writing to the file. Throws like `complete_lines`.
  explicit LineFile(std::string path, size_t max_bytes = most_line_file_bytes);

  const std::vector<std::string>& lines() const { return lines_; }
  const std::string& path() const { return path_; }
  /// Appends one line, which must contain no newline. It is on the disk when the call returns. Throws
  /// ErrorCode::failed; the file then holds the earlier lines.
  void add(const std::string& line);

 private:
  std::string path_;
  std::vector<std::string> lines_;
};

}  // namespace hewn

#pragma once
// A text file to which lines are added, such as the results of work that takes long and may be killed.

#include <cstddef>
#include <string>
#include <vector>

namespace hewn {

inline constexpr size_t most_line_file_bytes = size_t{1} << 28;

/// The lines of such a file without an incomplete last one, which another process may be writing or a killed
/// one has left; none if the file does not exist. Throws ErrorCode::input if it cannot be read or is too large.
std::vector<std::string> complete_lines(const std::string& path, size_t max_bytes = most_line_file_bytes);

class LineFile {
 public:
  /// Reads the lines of the file, if it exists, and removes an incomplete last line from it. Use it only on a
  /// file to which no other process is writing. Throws like `complete_lines`.
  explicit LineFile(std::string path, size_t max_bytes = most_line_file_bytes);

  const std::vector<std::string>& lines() const { return lines_; }
  const std::string& path() const { return path_; }
  /// Adds one line, which must contain no line end. It is on the disk when the call returns. Throws
  /// ErrorCode::failed; the file then holds the earlier lines.
  void add(const std::string& line);

 private:
  std::string path_;
  std::vector<std::string> lines_;
};

}  // namespace hewn

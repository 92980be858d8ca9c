#pragma once
// A history of typed lines, kept between runs of the program.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace hewn::cli {

/// The default history file: $XDG_STATE_HOME/hewn/history, else ~/.local/state/hewn/history (XDG Base
/// Directory Specification 0.8). Empty if there is no home directory.
std::string default_history_file();

/// The newest 1000 lines, oldest first. If the file cannot be read or written, lines are kept only until the
/// program ends (--verbose reports it).
class History {
 public:
  /// A history without a file.
  History() = default;
  /// Reads the file, if it exists; skips lines with control characters. An empty path means no file.
  explicit History(const std::string& path);

  /// Adds a line, also to the file, unless it is empty, longer than 4 KiB or equal to the last one. The file
  /// is created with mode 0600, its directories with 0700.
  void add(const std::string& line);

  const std::vector<std::string>& lines() const { return lines_; }
  /// The newest line before line `end` that contains `wanted`.
  std::optional<size_t> find_before(size_t end, const std::string& wanted) const;

 private:
  std::string path_;
  std::vector<std::string> lines_;
};

}  // namespace hewn::cli

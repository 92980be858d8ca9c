#pragma once
// Lines that were typed, kept from one program to the next.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace hewn::cli {

/// The file for them when nothing else is asked for: $XDG_STATE_HOME/hewn/history, else ~/.local/state/hewn/history
/// (XDG Base Directory Specification 0.8). Empty without a home.
std::string default_history_file();

/// The newest 1000 lines, oldest first. A file that cannot be read or written is no error (--verbose says so): the
/// lines are then kept by this program only.
class History {
 public:
  /// Without a file.
  History() = default;
  /// Reads the file, if it is there; lines with control characters in them are left out. An empty path is no file.
  explicit History(const std::string& path);

  /// Adds a line, to the file too, unless it is empty, longer than 4 KiB or the same as the last one. The file is made
  /// with mode 0600, its directories with 0700.
  void add(const std::string& line);

  const std::vector<std::string>& lines() const { return lines_; }
  /// The newest line before line `end` that holds `wanted`.
  std::optional<size_t> find_before(size_t end, const std::string& wanted) const;

 private:
  std::string path_;
  std::vector<std::string> lines_;
};

}  // namespace hewn::cli

#pragma once
// Shared by the scoring commands: the given runs, the file of single answers, progress.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/run/text/prompts.h"
#include "core/io/file.h"

namespace hewn::cli {

/// The one or two runs given as arguments, else the default one (`named_run`). Throws usage for more.
std::vector<std::string> scored_runs(const Settings& settings);

/// Shows on a terminal how many rows of a task are done.
void show_progress(const std::string& task, size_t done, size_t all);

/// The file named by `answers`, one line of JSON per row; without that key, nothing is written.
class AnswerFile {
 public:
  explicit AnswerFile(const Settings& settings);
  void add(std::string_view line);
  /// Completes the file under its name.
  void commit();

 private:
  std::optional<AtomicFile> file_;
};

}  // namespace hewn::cli

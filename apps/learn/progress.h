#pragma once
// The progress of a student, in lessons/progress.json.

#include <map>
#include <set>
#include <string>

namespace hewn::cli::learn {

/// The directory of lessons, in the working directory.
inline constexpr const char* lessons_directory = "lessons";

struct Progress {
  std::set<int> done;        ///< numbers of chapters
  std::map<int, int> hints;  ///< number of hints shown, by chapter
};

/// None if the file does not exist. Throws ErrorCode::input if it is damaged.
Progress read_progress();
/// Changes the file atomically; concurrent processes wait for each other. Creates the directory.
void update_progress(void (*change)(Progress& progress, int chapter), int chapter);

}  // namespace hewn::cli::learn

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
  std::map<int, int> hints;  ///< how many hints of a chapter were shown
};

/// None if the file does not exist. Throws ErrorCode::input if it is damaged.
Progress read_progress();
/// Changes the file as a whole; processes that do so at the same time wait for each other. Creates the directory.
void update_progress(void (*change)(Progress& progress, int chapter), int chapter);

}  // namespace hewn::cli::learn

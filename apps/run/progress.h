#pragma once
// How far training has come: one line redrawn in place on a terminal, a plain line now and then elsewhere;
// and the messages of a run, which are kept in its train.log too.

#include <chrono>
#include <fstream>
#include <optional>
#include <string>

#include "train/loop.h"

namespace hewn::cli {

/// The line of at most `width` columns: fields that do not fit are left out from the right.
std::string progress_text(const Progress& progress, int width, bool bar);

/// Says on standard error where training stands.
class TrainLog {
 public:
  /// Messages are appended to `path`. Without a terminal, a progress line is written every `interval` steps
  /// and at the last.
  TrainLog(const std::string& path, int64_t interval);
  ~TrainLog() { finish(); }
  TrainLog(const TrainLog&) = delete;
  TrainLog& operator=(const TrainLog&) = delete;

  void show(const Progress& progress);
  /// A line that stays, above the one being redrawn.
  void line(const std::string& text);
  /// Ends the redrawing and leaves the last state standing.
  void finish();

 private:
  void draw(const Progress& progress);

  std::ofstream file_;
  int64_t interval_;
  bool in_place_;
  std::optional<Progress> last_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_draw_{};
};

}  // namespace hewn::cli

#pragma once
// How far training has come: one line redrawn in place on a terminal, a plain line now and then elsewhere.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace hewn::cli {

/// What there is to say after a step.
struct Progress {
  int64_t step = 0;   ///< steps done
  int64_t steps = 0;  ///< steps in all
  double loss = 0;    ///< nats per token
  std::optional<double> val_loss;
  double tokens_per_s = 0;
  double seconds_left = 0;
  int64_t next_save = 0;  ///< the step that saves next
};

/// The line of at most `width` columns: fields that do not fit are left out from the right.
std::string progress_text(const Progress& progress, int width, bool bar);

class ProgressLine {
 public:
  /// Without a terminal, a line is written every `interval` steps and at the last.
  explicit ProgressLine(int64_t interval);
  ~ProgressLine() { finish(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const Progress& progress);
  /// A line that stays, above the one being redrawn.
  void message(const std::string& line);
  /// Ends the redrawing and leaves the last state standing.
  void finish();

 private:
  void draw(const Progress& progress);

  int64_t interval_;
  bool in_place_;
  std::optional<Progress> last_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_draw_{};
};

}  // namespace hewn::cli

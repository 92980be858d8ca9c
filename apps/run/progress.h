#pragma once
// How far training has come: one line redrawn in place on a terminal, a plain line now and then elsewhere;
// and the messages of a run, which are kept in its train.log too.

#include <chrono>
#include <fstream>
#include <optional>
#include <string>

#include "apps/run/loss_curve.h"
#include "train/loop.h"

namespace hewn::cli {

/// The line of at most `width` columns: fields that do not fit are left out from the right.
std::string progress_text(const Progress& progress, int width, bool bar);

/// The curve and as much of the text as fits beside it into `width` columns, on one line.
std::string sample_text(const std::string& curve, size_t curve_columns, const std::string& sample, int width);

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
  /// Whether `evaluated` shows a text: a person looks on.
  bool shows_samples() const;
  /// After an evaluation: its loss for the progress line, and on a terminal a line with the curve of the training loss
  /// and the beginning of a text by the model, where there is one.
  void evaluated(std::optional<double> val_loss, const std::string& sample);
  /// A line that stays, above the one being redrawn.
  void line(const std::string& text);
  /// Ends the redrawing and leaves the last state standing.
  void finish();

 private:
  static constexpr size_t curve_columns = 16;
  void draw(const Progress& progress);

  std::ofstream file_;
  int64_t interval_;
  bool in_place_;
  std::optional<Progress> last_;
  LossCurve curve_{curve_columns};
  bool drawn_ = false;
  std::chrono::steady_clock::time_point next_draw_{};
};

}  // namespace hewn::cli

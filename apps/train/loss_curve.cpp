#include "apps/train/loss_curve.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace hewn::cli {

void LossCurve::add(double loss) {
  if (!std::isfinite(loss)) return;
  const auto full = [&] { return parts_.empty() || parts_.back().steps == steps_per_part_; };
  if (full() && parts_.size() == columns_) merge_pairs();
  if (full()) parts_.emplace_back();
  parts_.back().sum += loss;
  ++parts_.back().steps;
}

void LossCurve::merge_pairs() {
  std::vector<Part> merged((parts_.size() + 1) / 2);
  for (size_t i = 0; i < parts_.size(); ++i) {
    merged[i / 2].sum += parts_[i].sum;
    merged[i / 2].steps += parts_[i].steps;
  }
  parts_ = std::move(merged);
  steps_per_part_ *= 2;
}

std::string LossCurve::text(bool ascii) const {
  static constexpr std::array<std::string_view, 8> bars = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<std::string_view, 8> letters = {"_", ".", ",", "-", "~", "+", "*", "#"};
  if (parts_.empty()) return "";
  double least = parts_[0].mean(), most = least;
  for (const Part& part : parts_) least = std::min(least, part.mean()), most = std::max(most, part.mean());
  std::string out;
  for (const Part& part : parts_) {
    const double height = most > least ? (part.mean() - least) / (most - least) : 0;
    out += (ascii ? letters : bars)[static_cast<size_t>(std::llround(7 * height))];
  }
  return out;
}

}  // namespace hewn::cli

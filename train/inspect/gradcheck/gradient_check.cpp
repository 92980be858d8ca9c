#include "train/inspect/gradcheck/gradient_check.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/base/clock.h"
#include "core/base/not_copied.h"
#include "core/error.h"
#include "core/gradcheck.h"
#include "core/rng.h"
#include "core/text.h"
#include "train/inspect/gradcheck/wrong_place.h"

namespace hewn {
namespace {

double squared_norm(const std::vector<double>& v) {
  return std::inner_product(v.begin(), v.end(), v.begin(), 0.0);
}

/// Moves parameters along random signs, and back when it ends.
class Direction : NotCopied {
 public:
  /// `reach[i]` is by how much the elements of parameter i move.
  Direction(const std::vector<Parameter*>& parameters, std::vector<double> reach, uint64_t seed)
      : parameters_(parameters), reach_(std::move(reach)), seed_(seed) {
    for (const Parameter* p : parameters_) start_.push_back(p->value.values<double>());
  }
  ~Direction() { to(0); }

  void to(double distance) {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      double* values = parameters_[i]->value.ptr<double>();
      visit(i, [&](size_t j, double sign) { values[j] = start_[i][j] + distance * reach_[i] * sign; });
    }
  }
  /// The slope along it by the gradients of the tape, and its expected size.
  std::pair<double, double> by_tape() const {
    double slope = 0, squares = 0;
    for (size_t i = 0; i < parameters_.size(); ++i) {
      const std::vector<double> grad = grad_of(parameters_[i]->value).doubles();
      visit(i, [&](size_t j, double sign) { slope += reach_[i] * sign * grad[j]; });
      squares += reach_[i] * reach_[i] * squared_norm(grad);
    }
    return {slope, std::sqrt(squares)};
  }

 private:
  template <class F>
  void visit(size_t parameter, F f) const {
    Rng rng(seed_, parameter);
    uint32_t bits = 0;
    for (size_t j = 0; j < start_[parameter].size(); ++j) {
      if (j % 32 == 0) bits = rng.next_u32();
      f(j, (bits >> j % 32 & 1) != 0 ? 1.0 : -1.0);
    }
  }

  const std::vector<Parameter*> parameters_;
  std::vector<double> reach_;
  uint64_t seed_;
  std::vector<std::vector<double>> start_;
};

/// The error of a slope along a direction, relative to its expected size, and what of it rounding cannot cause.
struct DirectionError {
  double error = 0, excess = 0;
  std::string kink = {};  // where the loss has no derivative: its slopes
};

constexpr double exactness = 1e-8;  // relative error from which a shorter distance is tried

class Checker {
 public:
  Checker(LossProbe& probe, const GradientCheckOptions& options)
      : probe_(probe),
        options_(options),
        end_(Clock::now() +
             std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds))) {
    const DType dtype = probe.model().parameters().dtype();
    require(dtype == DType::f64, "a gradient check needs a model in f64; got ", name_of(dtype));
    for (Parameter& p : probe.model().parameters().all())
      if (p.trains) parameters_.push_back(&p);
    require(!parameters_.empty(), "the model has no trained parameter");
  }

  GradientCheck run() {
    result_.loss = probe_.loss();
    if (!std::isfinite(result_.loss))
      fail(ErrorCode::numerical, "the loss is ", result_.loss,
           ", so there are no slopes to measure; `hewn verify` and `hewn trace` show where a run is damaged");
    noise_ = slope_noise(result_.loss);
    probe_.backward(options_.edits);
    for (const Parameter* p : parameters_) {
      const std::vector<double> values = p->value.doubles(), grad = grad_of(p->value).doubles();
      const double n = std::sqrt(std::max(1.0, static_cast<double>(values.size())));
      most_.push_back(std::max(std::sqrt(squared_norm(values)) / n, 0.02));
      const double grad_norm = std::sqrt(squared_norm(grad));
      grad_norms_.push_back(std::isfinite(grad_norm) ? grad_norm : std::numeric_limits<double>::infinity());
      result_.tensors.push_back({.name = p->name, .shape = p->shape});
    }
    whole();
    for (size_t i = 0; i < parameters_.size() && !over(i); ++i) direction_of(i);
    choose_entries();
    for (size_t round = 0; round < static_cast<size_t>(options_.max_entries); ++round)
      for (size_t i = 0; i < parameters_.size() && !over(i + round); ++i) entry_of(i, round);
    std::vector<std::string> wrong;
    for (const CheckedTensor& t : result_.tensors)
      if (t.wrong()) wrong.push_back(t.name);
    if (!wrong.empty()) result_.places = wrong_places(probe_, wrong, options_);
    result_.evaluations = probe_.evaluations();
    return std::move(result_);
  }

 private:
  /// Whether the time is over; the very first measurements are always made.
  bool over(size_t done) const { return done > 0 && Clock::now() >= end_; }

  /// The error of the slope along a direction through some of the parameters, relative to its expected size.
  DirectionError along(const std::vector<size_t>& which) {
    std::vector<double> weights;
    for (const size_t i : which) weights.push_back(grad_norms_[i] * most_[i]);
    std::nth_element(weights.begin(), weights.begin() + std::ssize(weights) / 2, weights.end());
    // What each is to contribute, if it need not move too far.
    const double weight = weights[weights.size() / 2];
    std::vector<Parameter*> parameters;
    std::vector<double> reach;
    for (const size_t i : which) {
      parameters.push_back(parameters_[i]);
      reach.push_back(grad_norms_[i] * most_[i] > weight ? weight / grad_norms_[i] : most_[i]);
    }
    Direction direction(parameters, reach, options_.seed + directions_++);
    const auto [expected, size] = direction.by_tape();
    const auto loss_at = [&](double s) {
      direction.to(s);
      return probe_.loss();
    };
    const Slope slope = slope_near(expected, exactness * size, loss_at, noise_);
    const double scale = std::max(size, 1e-6 * *std::max_element(reach.begin(), reach.end()));
    DirectionError found{.error = std::abs(slope.value - expected) / scale,
                         .excess = slope.excess(expected) / scale,
                         .kink = ""};
    if (!(found.excess <= options_.bound))
      found.kink = kink_at(std::abs(slope.value - expected), loss_at, noise_);
    return found;
  }

  // Along two directions. One across a kink says nothing about the tape, so another is tried in its place.
  void whole() {
    std::vector<size_t> all(parameters_.size());
    std::iota(all.begin(), all.end(), size_t{0});
    for (size_t smooth = 0, tried = 0; smooth < 2 && tried < 6 && !over(tried); ++tried) {
      const DirectionError found = along(all);
      if (!found.kink.empty()) {
        if (smooth == 0) result_.kink = found.kink;
        continue;
      }
      ++smooth;
      result_.kink.clear();
      if (!(found.error <= result_.direction)) result_.direction = found.error;
      if (found.excess <= options_.bound) continue;
      result_.wrong_direction = true;
      return bisect(all);
    }
  }

  // Names the parameters whose gradients make the slope wrong.
  void bisect(const std::vector<size_t>& which) {
    const size_t half = which.size() / 2;
    for (const auto& part : {std::vector(which.begin(), which.begin() + std::ssize(which) / 2),
                             std::vector(which.begin() + std::ssize(which) / 2, which.end())}) {
      if (part.empty() || over(half)) continue;
      const DirectionError found = along(part);
      if (part.size() == 1) note_direction(part[0], found);
      if (part.size() > 1 && !(found.excess <= options_.bound)) bisect(part);
    }
  }

  void direction_of(size_t i) {
    if (std::isnan(result_.tensors[i].direction)) note_direction(i, along({i}));
  }

  void note_direction(size_t i, const DirectionError& found) {
    result_.tensors[i].direction = found.error;
    result_.tensors[i].wrong_direction |= !(found.excess <= options_.bound) && found.kink.empty();
    if (!found.kink.empty()) result_.tensors[i].kink = "in a random direction: " + found.kink;
  }

  // The largest entry of each gradient, then random ones.
  void choose_entries() {
    Rng rng(options_.seed, 1);
    for (const Parameter* p : parameters_) {
      const std::vector<double> grad = grad_of(p->value).doubles();
      const auto n = grad.size();
      std::vector<size_t> entries;
      const auto largest = std::max_element(grad.begin(), grad.end(),
                                            [](double a, double b) { return std::abs(a) < std::abs(b); });
      if (n > 0) entries.push_back(static_cast<size_t>(largest - grad.begin()));
      const auto most = std::min(n, static_cast<size_t>(options_.max_entries));
      while (entries.size() < most) {
        const auto entry = static_cast<size_t>(rng.below(n));
        if (std::find(entries.begin(), entries.end(), entry) == entries.end()) entries.push_back(entry);
      }
      entries_.push_back(std::move(entries));
      largest_.push_back(n > 0 ? std::abs(*largest) : 0);
    }
  }

  void entry_of(size_t i, size_t round) {
    if (round >= entries_[i].size()) return;
    const size_t at = entries_[i][round];
    CheckedTensor& tensor = result_.tensors[i];
    double& value = parameters_[i]->value.ptr<double>()[at];
    const double start = value, tape = grad_of(parameters_[i]->value).ptr<double>()[at];
    const auto loss_at = [&](double s) {
      value = start + s * std::max(1.0, std::abs(start));
      const double loss = probe_.loss();
      value = start;
      return loss;
    };
    const double unit = std::max(1.0, std::abs(start));
    const Slope slope = slope_near(tape * unit, exactness * largest_[i] * unit, loss_at, noise_);
    const double found = slope.value / unit, allowed = slope.allowed / unit;
    const double apart = std::abs(found - tape);
    ++tensor.entries;
    if (apart > allowed + options_.bound * largest_[i])
      if (const std::string text = kink_at(apart * unit, loss_at, noise_); !text.empty()) {
        tensor.kink = join("entry ", index_text(static_cast<int64_t>(at), tensor.shape), ": ", text);
        return;
      }
    if (tensor.entries == 1 || apart > std::abs(tensor.worst.tape - tensor.worst.measured))
      tensor.worst = {static_cast<int64_t>(at), tape, found};
    tensor.difference = std::hypot(tensor.difference, apart);
    tensor.norm = std::hypot(tensor.norm, found);
    tensor.allowed = std::hypot(tensor.allowed, allowed);
    tensor.wrong_entries |= !(tensor.excess() <= options_.bound);
  }

  LossProbe& probe_;
  const GradientCheckOptions& options_;
  Clock::time_point end_;
  std::vector<Parameter*> parameters_;
  // By parameter: how far it may move, the norm of its gradient, and the largest entry of that.
  std::vector<double> most_, grad_norms_, largest_;
  std::vector<std::vector<size_t>> entries_;
  double noise_ = 0;  // error of a slope times its distance
  uint64_t directions_ = 0;
  GradientCheck result_;
};

}  // namespace

std::string index_text(int64_t index, const Shape& shape) {
  std::string text;
  for (int d = shape.rank() - 1; d >= 0; --d) {
    text = join(index % shape[d], text.empty() ? "" : ", ", text);
    index /= shape[d];
  }
  return "[" + text + "]";
}

GradientCheck check_gradients(LossProbe& probe, const GradientCheckOptions& options) {
  return Checker(probe, options).run();
}

constexpr double slope_distances[] = {1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8};
// A distance can tell a difference from rounding that is this part of it.
constexpr double told_apart = 0.3;

// A loss is computed in many steps, each of which rounds.
double slope_noise(double loss) {
  return 16 * std::numeric_limits<double>::epsilon() * std::max(1.0, std::abs(loss));
}

double Slope::excess(double expected) const {
  const double beyond = std::abs(value - expected) - allowed;
  return beyond <= 0 ? 0 : beyond;  // NaN stays NaN
}

Slope slope_near(double expected, double tolerance, const std::function<double(double)>& f, double noise) {
  Slope longest;
  for (const double h : slope_distances) {
    const Slope slope{.value = five_point_slope(f, h), .allowed = noise / h};
    if (h == slope_distances[0]) longest = slope;
    // A shorter distance must be able to see the difference that the longest has seen.
    const bool precise =
        h == slope_distances[0] || slope.allowed <= told_apart * std::abs(longest.value - expected);
    if (precise && slope.excess(expected) <= tolerance) return slope;
  }
  // A smaller difference could as well be a kink between the two longest distances.
  longest.allowed = noise / (told_apart * slope_distances[1]);
  return longest;
}

// The two slopes of a smooth function differ by h f'', those at a kink by as much at every distance. Where many values are
// at a kink together, the slopes may happen to be similar, and both far from the tape's.
std::string kink_at(double error, const std::function<double(double)>& f, double noise) {
  const double middle = f(0);
  double farther = std::numeric_limits<double>::infinity();
  for (double h = slope_distances[0]; h > 5e-9; h /= 10) {
    const double left = (middle - f(-h)) / h, right = (f(h) - middle) / h, bend = std::abs(right - left);
    if (bend >= 0.3 * farther && bend >= 1e-3 * error && bend >= 4 * noise / h)
      return join("slope ", left, " to the left, ", right, " to the right");
    farther = bend;
  }
  return "";
}

double settled_slope(const std::function<double(double)>& f, double noise) {
  double before = five_point_slope(f, slope_distances[0]);
  for (size_t i = 1; i < std::size(slope_distances); ++i) {
    const double slope = five_point_slope(f, slope_distances[i]);
    if (std::abs(slope - before) <= 1e-6 * std::abs(slope) + 2 * noise / slope_distances[i]) return before;
    before = slope;
  }
  return before;
}

}  // namespace hewn

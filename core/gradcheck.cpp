#include "core/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <sstream>

#include "core/error.h"
#include "core/rng.h"
#include "core/tape.h"

namespace hewn {
namespace {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

std::vector<double> random_normals(Rng& rng, int64_t n) {
  std::vector<double> values(static_cast<size_t>(n));
  for (double& v : values) v = rng.normal();
  return values;
}

/// f as a scalar function r . f of a common displacement of all inputs.
class Probe {
 public:
  Probe(const Function& f, std::vector<Tensor>& inputs, Rng& rng) : f_(f), inputs_(inputs) {
    for (const Tensor& t : inputs) start_.push_back(t.values<double>());
    const NoGrad none;
    const Tensor y = f(inputs);
    require(y.dtype() == DType::f64, "gradcheck needs a function of f64 values; got ", name_of(y.dtype()));
    weights_ = random_normals(rng, y.numel());
    const std::vector<double> values = y.doubles();
    for (size_t i = 0; i < values.size(); ++i) size_ += std::abs(values[i] * weights_[i]);
  }
  /// The error that rounding alone can cause in a derivative with distance h: half a unit for each term of r . f.
  double rounding(double h) const { return size_ * std::numeric_limits<double>::epsilon() / h; }
  const std::vector<std::vector<double>>& start() const { return start_; }

  /// The tape's gradient of every input.
  std::vector<std::vector<double>> by_tape() {
    for (Tensor& t : inputs_) require_grad(t);
    Tape tape;
    const Tensor y = f_(inputs_);
    tape.backward(y, Tensor::from(y.device(), weights_, y.shape()));
    std::vector<std::vector<double>> grads;
    for (Tensor& t : inputs_) {
      const Tensor g = grad_of(t);
      grads.push_back(g.defined() ? g.doubles() : std::vector<double>(static_cast<size_t>(t.numel()), 0.0));
      t = t.detached();
    }
    return grads;
  }

  /// d/ds of r . f(start + s direction) at 0, with distance h; inputs without a direction stay fixed.
  double derivative(const std::vector<std::vector<double>>& direction, double h) {
    const double slope = five_point_slope([&](double s) { return at(direction, s); }, h);
    for (size_t i = 0; i < inputs_.size(); ++i) inputs_[i].upload(start_[i].data());
    return slope;
  }

 private:
  double at(const std::vector<std::vector<double>>& direction, double s) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (direction[i].empty()) continue;
      std::vector<double> moved = start_[i];
      for (size_t j = 0; j < moved.size(); ++j) moved[j] += s * direction[i][j];
      inputs_[i].upload(moved.data());
    }
    const NoGrad none;
    return dot(f_(inputs_).doubles(), weights_);
  }

  const Function& f_;
  std::vector<Tensor>& inputs_;
  std::vector<std::vector<double>> start_;
  std::vector<double> weights_;
  double size_ = 0;  // sum of |r_i f_i|
};

/// The entries of an input to check: all of them, or `most` distinct ones sampled by `rng`.
std::vector<size_t> chosen_entries(int64_t n, int64_t most, Rng& rng) {
  std::vector<size_t> all(static_cast<size_t>(n));
  std::iota(all.begin(), all.end(), size_t{0});
  for (size_t i = 0; i < all.size() && i < static_cast<size_t>(most); ++i)
    std::swap(all[i], all[i + rng.below(all.size() - i)]);
  if (n > most) all.resize(static_cast<size_t>(most));
  return all;
}

}  // namespace

double five_point_slope(const std::function<double(double)>& f, double h) {
  return (8.0 * (f(h) - f(-h)) - (f(2 * h) - f(-2 * h))) / (12.0 * h);
}

GradcheckResult gradcheck(const Function& f, std::vector<Tensor> inputs, const GradcheckOptions& options) {
  Rng rng(options.seed);
  for (Tensor& t : inputs) t = t.clone();
  Probe probe(f, inputs, rng);
  const auto tape = probe.by_tape();
  GradcheckResult result;

  const auto take_worst = [](double& worst, double error) {
    if (!(error <= worst)) worst = error;  // NaN counts as worst
  };
  for (size_t i = 0; i < inputs.size(); ++i) {
    double difference = 0, norm = 0;
    const auto entries = chosen_entries(inputs[i].numel(), options.max_entries, rng);
    std::vector<std::vector<double>> direction(inputs.size());
    direction[i].assign(tape[i].size(), 0.0);
    for (const size_t j : entries) {
      direction[i][j] = std::max(1.0, std::abs(probe.start()[i][j]));
      const double numeric = probe.derivative(direction, options.step) / direction[i][j];
      direction[i][j] = 0.0;
      difference += (numeric - tape[i][j]) * (numeric - tape[i][j]);
      norm += numeric * numeric;
    }
    const double root = std::sqrt(static_cast<double>(entries.size()));
    const double apart = std::sqrt(difference), rounding = probe.rounding(options.step) * root;
    const double excess = apart <= rounding ? 0.0 : apart - rounding;  // NaN stays NaN
    const double error = entries.empty() ? 0.0 : excess / std::max(std::sqrt(norm), 1e-6 * root);
    if (!(error <= result.by_norm)) {
      std::ostringstream text;
      text << "input " << i << " of shape " << inputs[i].shape() << ": |numeric| " << std::sqrt(norm)
           << ", |difference| " << std::sqrt(difference);
      result.worst = text.str();
    }
    take_worst(result.by_norm, error);
  }
  for (int n = 0; n < options.directions; ++n) {
    std::vector<std::vector<double>> direction;
    double expected = 0, gradient_norm = 0, direction_norm = 0;
    for (size_t i = 0; i < inputs.size(); ++i) {
      direction.push_back(random_normals(rng, inputs[i].numel()));
      expected += dot(direction[i], tape[i]);
      gradient_norm += dot(tape[i], tape[i]);
      direction_norm += dot(direction[i], direction[i]);
    }
    const double numeric =
        probe.derivative(direction, options.step / std::max(1.0, std::sqrt(direction_norm) / 4));
    take_worst(result.directional,
               std::abs(numeric - expected) / std::max(std::sqrt(gradient_norm * direction_norm), 1e-6));
  }
  return result;
}

}  // namespace hewn

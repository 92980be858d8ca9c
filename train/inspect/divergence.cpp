#include "train/inspect/divergence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string_view>
#include <vector>

#include "core/error.h"

namespace hewn {
namespace {

std::string sentence(const std::string& what, double distance, double tolerance) {
  std::ostringstream text;
  text << what << ": they differ by " << distance << " in norm; the tolerance is " << tolerance;
  return text.str();
}

// Passes over what not every device has: casts, as not every device rounds the same tensors.
class Walker : public ValueObserver {
 protected:
  virtual void look(const std::string& what, const Tensor& t) = 0;

 private:
  void look(const Node& node, const std::string& what, const Tensor& t) final {
    if (t.defined() && is_float(t.dtype()) && node.info().name != std::string_view("cast"))
      look(place_of(node) + ", " + what, t);
  }
};

struct Seen {
  std::string what;
  std::vector<float> values;  // exact enough for all dtypes but f64, whose distances need doubles
  std::vector<double> wide;
};

class Recorder final : public Walker {
 public:
  std::vector<Seen> seen;

 private:
  void look(const std::string& what, const Tensor& t) override {
    if (t.dtype() == DType::f32)
      seen.push_back({what, t.values<float>(), {}});
    else
      seen.push_back({what, {}, t.doubles()});
  }
};

class Comparer final : public Walker {
 public:
  Comparer(const std::vector<Seen>& seen, double tolerance) : seen_(seen), tolerance_(tolerance) {}
  std::string found;

 private:
  void look(const std::string& what, const Tensor& t) override {
    if (!found.empty()) return;
    if (at_ == seen_.size() || seen_[at_].what != what) {
      found = what + ": the other device executed a different node";
      return;
    }
    const Seen& one = seen_[at_++];
    const std::vector<double> widened(one.values.begin(), one.values.end());
    const double distance = distance_by_norm(t.doubles(), one.wide.empty() ? widened : one.wide);
    if (!(distance <= tolerance_)) found = sentence(what, distance, tolerance_);
  }

  const std::vector<Seen>& seen_;
  size_t at_ = 0;
  double tolerance_;
};

}  // namespace

double node_tolerance(DType dtype) { return dtype == DType::f64 ? 1e-9 : dtype == DType::bf16 ? 5e-2 : 1e-3; }
double loss_tolerance(DType dtype) {
  return dtype == DType::f64 ? 1e-10 : dtype == DType::bf16 ? 1e-2 : 1e-4;
}

std::string first_divergence(Trainer& reference, Trainer& other, std::span<const Batch> micro_batches,
                             double tolerance) {
  const auto& ours = other.model().parameters().all();
  auto theirs = reference.model().parameters().all().begin();
  for (const Parameter& p : ours) {
    const double distance = distance_by_norm(p.value.doubles(), (theirs++)->value.doubles());
    if (!(distance <= tolerance)) return sentence("parameter " + p.name, distance, tolerance);
  }
  Recorder recorder;
  reference.watch(micro_batches, recorder);
  Comparer comparer(recorder.seen, tolerance);
  other.watch(micro_batches, comparer);
  return comparer.found;
}

double distance_by_norm(const std::vector<double>& other, const std::vector<double>& reference) {
  if (other.size() != reference.size()) return std::numeric_limits<double>::infinity();
  double squares = 0, norm = 0;
  for (size_t i = 0; i < other.size(); ++i) {
    const double a = other[i], b = reference[i];
    const bool same = a == b || (std::isnan(a) && std::isnan(b));
    if (!same && !(std::isfinite(a) && std::isfinite(b))) return std::numeric_limits<double>::infinity();
    if (!same) squares += (a - b) * (a - b);
    if (std::isfinite(b)) norm += b * b;
  }
  const double least = 1e-6 * std::sqrt(static_cast<double>(other.size()));
  return squares == 0 ? 0 : std::sqrt(squares) / std::max(std::sqrt(norm), least);
}

}  // namespace hewn

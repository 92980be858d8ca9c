#include "train/inspect/bad_numbers.h"

#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/tape.h"
#include "train/ranks/rank_exchange.h"

namespace hewn {
namespace {

/// The number of values of a tensor that are NaN or infinite.
int64_t count_bad(const Tensor& t) {
  if (!t.defined() || !is_float(t.dtype())) return 0;
  int64_t bad = 0;
  for (const double v : t.doubles()) bad += std::isfinite(v) ? 0 : 1;
  return bad;
}

/// Records the first node whose value or incoming gradient is not finite.
class BadNodeFinder final : public ValueObserver {
 public:
  const std::string& found() const { return found_; }

 private:
  void look(const Node& node, const std::string& what, const Tensor& t) override {
    if (!found_.empty()) return;
    if (const int64_t bad = count_bad(t); bad > 0)
      found_ = place_of(node) + ", " + what + ": " + std::to_string(bad) + " of " +
               std::to_string(t.numel()) + " elements are not finite";
  }
  std::string found_;
};

}  // namespace

std::string bad_parameter(Trainer& trainer) {
  trainer.exchange().gather_values();
  for (const Parameter& p : trainer.model().parameters().all())
    if (const int64_t bad = count_bad(p.value); bad > 0)
      return p.name + ": " + std::to_string(bad) + " of " + std::to_string(p.value.numel()) +
             " values are not finite";
  return {};
}

std::string first_bad_node(Trainer& trainer, std::span<const Batch> micro_batches) {
  if (const std::string bad = bad_parameter(trainer); !bad.empty()) return "parameter " + bad;
  BadNodeFinder finder;
  std::string found;  // with the micro-step
  trainer.watch(micro_batches, finder, [&](int64_t micro_step) {
    if (found.empty() && !finder.found().empty())
      found = join(", micro-step ", micro_step, ": ", finder.found());
  });
  Ranks* const ranks = ranks_of(trainer);
  if (!ranks && !found.empty()) return finder.found();
  int rank = 0;
  for (const std::string& theirs : ranks ? ranks->gather(found) : std::vector<std::string>()) {
    if (!theirs.empty()) return join("rank ", rank, theirs);
    ++rank;
  }
  return "none: all values are finite, but the global norm of the gradients is not";
}

}  // namespace hewn

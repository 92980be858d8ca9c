#include "apps/bench/ladder/limits.h"

#include <algorithm>

#include "apps/cli/format.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

// A call of a few milliseconds fits between two interruptions, so that the best of several is undisturbed.
constexpr double undisturbed_seconds = 5e-3;
constexpr double idle_percent = 10;

bool disturbed(const RungTime& t) {
  return t.seconds > undisturbed_seconds && t.disturbed_percent > idle_percent;
}

std::string share_text(const Share& share, const RungTime& t) {
  return join(share.what, " would take ", fixed(std::min(100 * share.seconds / t.seconds, 100.0), 0),
              "% of the time");
}

}  // namespace

std::vector<Share> shares_of(const RungTime& t, const VectorSpeeds& speeds) {
  const bool bytes = t.roof.bound.starts_with('L') || t.roof.bound == "memory";
  const LoopFigures loop = t.loop.value_or(LoopFigures{.elements = 1});
  const double rounds = t.loop ? t.flops / 2 / loop.elements : 0;
  const double arithmetic = rounds > 0 ? loop.arithmetic * rounds / speeds.multiply_adds : 0;
  const double far = t.near_speed > 0 ? std::max(0.0, t.seconds - t.flops / t.near_speed) : 0;
  const auto at = [&](double n, double speed) { return rounds > 0 ? n * rounds / speed : 0; };
  return {{bytes ? "memory-bound" : "compute-bound",
           bytes ? join("reading and writing each byte once, at the speed of ", t.roof.bound, ",")
                 : join("the arithmetic, at the ", t.roof.bound, ","),
           t.roof.seconds},
          // No more instructions than the roof counts are the roof itself.
          {"compute-bound", "its floating-point instructions, at the machine's best rate,",
           !bytes && arithmetic < 1.05 * t.roof.seconds ? 0 : arithmetic},
          {"memory-bound", "its loads, all from the first-level cache,", at(loop.loads, speeds.loads)},
          {"memory-bound", "its stores, all to the first-level cache,", at(loop.stores, speeds.stores)},
          {"latency-bound", "its additions, each of which waits for the previous one,",
           loop.chain * rounds * speeds.latency / t.threads},
          {"memory-bound", "its wait for data from beyond the first-level cache", far}};
}

std::string wait_text(const RungTime& t, const std::vector<Share>& shares) {
  if (disturbed(t))
    return join("unknown: other programs took ", fixed(t.disturbed_percent, 0),
                "% of the machine's time during the measurement; try again when the machine is idle");
  std::vector<Share> longest = shares;
  std::stable_sort(longest.begin(), longest.end(),
                   [](const Share& a, const Share& b) { return a.seconds > b.seconds; });
  if (longest[0].seconds < 0.3 * t.seconds)
    return join("below its limits: ", share_text(longest[0], t),
                ", and all other parts less; --asm prints its loop");
  std::string text = join(longest[0].kind, ": ", share_text(longest[0], t));
  if (longest[1].seconds >= 0.3 * t.seconds) text += "; " + share_text(longest[1], t);
  return text;
}

std::string why_slower(const RungTime& now, const std::vector<Share>& shares, const RungTime& before,
                       const std::vector<Share>& shares_before, const std::string& previous) {
  if (disturbed(now) || disturbed(before)) return "";
  size_t most = 0;
  const auto growth = [&](size_t i) { return shares[i].seconds - shares_before[i].seconds; };
  for (size_t i = 1; i < shares.size(); ++i)
    if (growth(i) > growth(most)) most = i;
  if (!(growth(most) > 0)) return "";
  const auto milliseconds = [](double seconds) { return fixed(seconds * 1e3, 3) + " ms"; };
  return join("slower than ", previous, ", mainly because of ", shares[most].what,
              shares[most].what.ends_with(',') ? " " : ", ", milliseconds(shares[most].seconds), " here and ",
              milliseconds(shares_before[most].seconds), " there");
}

}  // namespace hewn::cli

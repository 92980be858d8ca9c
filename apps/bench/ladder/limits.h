#pragma once
// `hewn bench kernels --ladder --guess`: the bottleneck of a rung.

#include <optional>
#include <string>
#include <vector>

#include "apps/bench/machine/loop.h"
#include "apps/bench/roof.h"

namespace hewn::cli {

/// Measurements of a rung.
struct RungTime {
  double seconds = 0;  ///< of a call
  double flops = 0;    ///< of a call
  Roof roof{};
  int threads = 1;                    ///< threads that it uses
  std::optional<LoopFigures> loop{};  ///< the loop that does all of its arithmetic; empty: unknown
  double near_speed = 0;  ///< FLOP/s of the same code with operands in the first-level cache; 0: unknown
  /// Percent of the machine's time that other programs or the host used meanwhile.
  double disturbed_percent = 0;
};

/// A lower bound for one part of a rung's time. The parts overlap.
struct Share {
  const char* kind = "";  ///< "compute-bound", "memory-bound" or "latency-bound", if it is the longest
  std::string what{};     ///< "its loads alone, all from the first-level cache"
  double seconds = 0;
};

/// Compares a rung's time with the limits of the machine: floating-point instructions, loads and stores at the speed of
/// the first-level cache, the latency of additions that wait for each other, the bytes that any implementation must
/// move, and the time lost because data comes from beyond the first-level cache. The result always has the
/// same parts in the same order.
std::vector<Share> shares_of(const RungTime& time, const VectorSpeeds& speeds);

/// The bottleneck of a rung: its longest share, and the second one if that matters too. "unknown" if other
/// programs disturbed it.
std::string wait_text(const RungTime& time, const std::vector<Share>& shares);

/// Why a rung is slower than the previous one: the share that has grown most. "" if other programs disturbed
/// one of them, or if none has grown.
std::string why_slower(const RungTime& now, const std::vector<Share>& shares, const RungTime& before,
                       const std::vector<Share>& shares_before, const std::string& previous);

}  // namespace hewn::cli

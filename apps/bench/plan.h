#pragma once
// `hewn bench kernels`: selects the measurements.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "kernels/contract/rooms.h"

namespace hewn::cli {

/// An implementation of a case: a rung of the ladder, a rung from a plug-in, or a library. Contenders of a
/// case are checked against its reference and timed in alternation.
struct Contender {
  std::string name;         ///< "packed", "openblas"
  Isa isa = Isa::scalar;    ///< instruction set of its code
  Isa level = Isa::scalar;  ///< instruction set whose roof it is compared with
  int threads = 1;
  std::function<void(Case&)> run;  ///< does the work once, on the operands of the given case
  bool peer = false;     ///< whether it is from another library, whose threads may spin for a while after a
                         ///< call
  double tolerance = 0;  ///< tolerance of its results, if it rounds operands and is thus less exact than
                         ///< requested
  bool sampled = true;   ///< whether --asm and --guess look at its loops
};

/// Location of a call's operands: in the caches, left there by the previous call, or in memory.
enum class Cache : uint8_t { warm, cold };

/// Total size of the operand copies used in rotation by cold calls of a case: the case's own size if that is
/// at least twice the last-level cache, otherwise four times that cache, since a cache that does not evict
/// the oldest line first retains some.
size_t cold_set(Case& c);

/// A kernel of a run's training step: all its launches with one shape.
struct RunKernel {
  const Room* room = nullptr;
  std::string op;
  Sketch sketch{};
  std::string rung{};  ///< the preferred one for these arguments
  int64_t calls = 0;   ///< per step
  Cost cost{};         ///< of all these calls
};

/// The requested measurements.
struct BenchPlan {
  std::string device = "cpu";    ///< or "cuda", "emulated"
  std::vector<std::string> ops;  ///< rooms or operations; empty: all
  CaseRequest request;
  std::vector<int> threads;  ///< for a GPU: its multiprocessors, set when it is opened
  std::vector<Isa> isas;     ///< for a GPU: cuda or emulated
  int64_t repeat = 5;
  bool warm = true, cold = true;                 ///< states of the operands
  bool ladder = false;                           ///< every rung instead of only the preferred one
  std::string rung;                              ///< file of a plug-in rung
  std::vector<std::string> compare;              ///< libraries
  std::string ceilings;                          ///< file that keeps a GPU's ceilings; "": none
  std::optional<std::vector<RunKernel>> of_run;  ///< with --shapes-from: these sizes
  bool counters = false;                         ///< report hardware counters
  bool assembly = false;                         ///< print the hottest loop of each
  bool guess = false;                            ///< ask before each rung
  bool loops = false;                            ///< find the hottest loop of each
};

/// The room with this operation; null if there is none. Fast if the name begins with the room's name.
const Room* room_with(std::string_view op);
/// Reads and checks the options; usage errors name the option.
BenchPlan bench_plan(const Settings& settings);
/// The rungs to time for this case, for each number of threads and instruction set: the preferred one, or all.
std::vector<Contender> rungs_of(const Case& c, const BenchPlan& plan);
/// Creates the requested cases one after another and passes each to `visit`, with the number of calls per
/// step of the run it comes from (0 without a run). Throws usage if there are none.
void for_each_case(const BenchPlan& plan, const std::function<void(Case&, int64_t calls)>& visit);

}  // namespace hewn::cli

#pragma once
// `hewn bench kernels`: what to measure.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "kernels/contract/rooms.h"

namespace hewn::cli {

/// One way of doing the work of a case: a rung of the ladder, a rung from elsewhere, a library. Contenders of
/// the same case are checked against its reference and timed in turn.
struct Contender {
  std::string name;         ///< "packed", "openblas"
  Isa isa = Isa::scalar;    ///< of its code
  Isa level = Isa::scalar;  ///< of the processor whose roof it is held against
  int threads = 1;
  std::function<void(Case&)> run;  ///< the work, once, on the operands of the case it is given
  bool peer = false;     ///< another library's; its threads may look for work for a while after their turn
  double tolerance = 0;  ///< that its results need where it rounds operands: it does less than was asked for
};

/// Where a call finds its operands: in the caches, from the call before, or in memory.
enum class Cache : uint8_t { warm, cold };

/// Bytes that cold calls of a case go through before they come back to the first: its own where they fill the
/// last cache twice over, else four times that cache. A cache that does not drop the oldest first keeps some.
size_t cold_set(Case& c);

/// A kernel as a step of some run calls it.
struct RunKernel {
  const Room* room = nullptr;
  std::string op;
  Sketch sketch{};
  int64_t calls = 0;  ///< in a step
  double bytes = 0;   ///< of a call, by its cost
};

/// What the options ask for.
struct BenchPlan {
  std::string device = "cpu";    ///< or "cuda", "emulated"
  std::vector<std::string> ops;  ///< rooms or operations; empty: all
  CaseRequest request;
  std::vector<int> threads;  ///< of a GPU: its multiprocessors, once it is open
  std::vector<Isa> isas;     ///< of a GPU: cuda or emulated
  int64_t repeat = 5;
  bool warm = true, cold = true;     ///< how to find the operands
  bool ladder = false;               ///< every rung, not only the preferred one
  std::string rung;                  ///< file of a rung from elsewhere
  std::vector<std::string> compare;  ///< libraries
  std::optional<std::vector<RunKernel>>
      of_run;             ///< with --shapes-from: these sizes instead of the rooms' own
  bool counters = false;  ///< hardware counters too
  bool assembly = false;  ///< show the hottest loop of each
};

/// The room with this operation; null when there is none. Quick where the name begins with the room's.
const Room* room_with(std::string_view op);
/// Reads and checks the options; usage errors name the option.
BenchPlan bench_plan(const Settings& settings);
/// The rungs to time for this case: for each number of threads and instruction set the preferred one, or all.
std::vector<Contender> rungs_of(const Case& c, const BenchPlan& plan);
/// Makes the cases asked for, one after another, and hands each to `visit`, with the number of calls in a
/// step of the run it comes from (0 without one). Usage error where there is none.
void for_each_case(const BenchPlan& plan, const std::function<void(Case&, int64_t calls)>& visit);

}  // namespace hewn::cli

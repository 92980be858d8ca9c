#include "apps/run/profile_tables.h"

#include <algorithm>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"

namespace hewn::cli {
namespace {

using Line = StepProfile::Line;

template <class Name>
std::string profile_table(const StepProfile& profile, const std::string& head, const std::vector<Line>& lines,
                          const Name& name) {
  const double steps = static_cast<double>(std::max<int64_t>(1, profile.steps()));
  std::vector<std::vector<std::string>> rows = {
      {head, "calls", "ms", "% of step", "GFLOP/s", "GB/s", "% of roofline"}};
  for (const Line& l : lines)
    rows.push_back({name(l), fixed(static_cast<double>(l.calls) / steps, 0),
                    fixed(l.seconds / steps * 1e3, 3), fixed(100 * l.seconds / profile.step_seconds(), 1),
                    fixed(l.cost.flops / l.seconds * 1e-9, 1), fixed(l.cost.bytes / l.seconds * 1e-9, 1),
                    fixed(100 * l.floor / l.seconds, 0)});
  return table_text(rows);
}

}  // namespace

double outside_kernels_percent(const StepProfile& profile) {
  return 100 * (1 - profile.total().seconds / profile.step_seconds());
}

std::string profile_tables(const StepProfile& profile) {
  const auto kernel = [](const Line& l) { return l.op + " (" + l.rung + ")"; };
  const auto part = [](const Line& l) {
    return l.phase == Phase::update ? l.scope
                                    : (l.scope.empty() ? "model" : l.scope) + " " + name_of(l.phase);
  };
  const double steps = static_cast<double>(std::max<int64_t>(1, profile.steps()));
  return join(profile_table(profile, "kernel", profile.by_kernel(), kernel), "\n",
              profile_table(profile, "part of the step", profile.by_part(), part), "\n",
              fixed(profile.step_seconds() / steps * 1e3, 3), " ms per step, ",
              fixed(outside_kernels_percent(profile), 1), "% of it outside kernels (",
              on_gpu(profile.device().isa()) ? "copies, waiting for the host" : "tape, allocator, threads",
              ")\n");
}

}  // namespace hewn::cli

// hewn bench kernels: every room's cases at the sizes of real models, each result checked, then timed.

#include "apps/bench_measure.h"
#include "apps/bench_report.h"
#include "apps/bench_roof.h"
#include "apps/commands.h"
#include "apps/terminal.h"

namespace hewn::cli {
namespace {

BenchRow row_of(const Case& c, const Measurement& m) {
  const Contender& who = *m.who;
  const Cost cost = c.cost();
  return {.op = c.op(),
          .shape = c.shape(),
          .dtype = std::string(name_of(c.dtype())),
          .isa = std::string(name_of(who.isa)),
          .rung = who.name,
          .threads = who.threads,
          .best_ms = m.best() * 1e3,
          .median_ms = m.median() * 1e3,
          .gflops = cost.flops / m.best() * 1e-9,
          .gbps = cost.bytes / m.best() * 1e-9,
          .roof_percent = 100 * floor_seconds(c, who.level, who.threads) / m.best()};
}

}  // namespace

int run_bench_kernels(const Settings& settings) {
  const BenchPlan plan = bench_plan(settings);
  std::vector<BenchRow> rows;
  for_each_case(plan, [&](Case& c) {
    detail("timing ", c.op(), " ", c.shape());
    const std::vector<Contender> list = rungs_of(c, plan);
    for (const Measurement& m : measure(c, list, plan.repeat)) rows.push_back(row_of(c, m));
  });
  if (settings.flag("json"))
    print_json(rows);
  else if (settings.flag("csv"))
    print_csv(rows);
  else
    print_table(rows);
  return 0;
}

}  // namespace hewn::cli

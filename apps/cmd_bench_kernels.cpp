// hewn bench kernels: every room's cases at the sizes of real models, each result checked, then timed.

#include "apps/bench_measure.h"
#include "apps/bench_peers.h"
#include "apps/bench_report.h"
#include "apps/bench_roof.h"
#include "apps/commands.h"
#include "apps/terminal.h"

namespace hewn::cli {
namespace {

// The best seconds of a library on so many threads; 0 without one.
double fastest_peer(const std::vector<Measurement>& measured, int threads) {
  double fastest = 0;
  for (const Measurement& m : measured)
    if (m.who->peer && m.who->threads == threads && (fastest == 0 || m.best() < fastest)) fastest = m.best();
  return fastest;
}

BenchRow row_of(const Case& c, const Measurement& m, double peer_seconds) {
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
          .roof_percent = 100 * floor_seconds(c, who.level, who.threads) / m.best(),
          .speedup = peer_seconds / m.best()};
}

}  // namespace

int run_bench_kernels(const Settings& settings) {
  const BenchPlan plan = bench_plan(settings);
  const Peers peers(plan.compare);
  std::vector<BenchRow> rows;
  bool compared = plan.compare.empty();
  for_each_case(plan, [&](Case& c) {
    detail("timing ", c.op(), " ", c.shape());
    std::vector<Contender> list = rungs_of(c, plan);
    for (Contender& peer : peers.contenders(c, plan)) {
      compared = true;
      list.push_back(std::move(peer));
    }
    const std::vector<Measurement> measured = measure(c, list, plan.repeat);
    for (const Measurement& m : measured)
      rows.push_back(row_of(c, m, fastest_peer(measured, m.who->threads)));
  });
  require(compared, settings.where("compare"),
          ": libraries compute plain matrix products alone, mostly of f32; ",
          "there were none, try --op=matmul");
  if (settings.flag("json"))
    print_json(rows);
  else if (settings.flag("csv"))
    print_csv(rows);
  else
    print_table(rows);
  return 0;
}

}  // namespace hewn::cli

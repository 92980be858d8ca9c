// hewn bench kernels: every room's cases at the sizes of real models, each result checked, then timed.

#include "apps/bench_measure.h"
#include "apps/bench_peers.h"
#include "apps/bench_report.h"
#include "apps/bench_roof.h"
#include "apps/bench_rung.h"
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

// Appends; whether there was anything.
bool add(std::vector<Contender>& list, std::vector<Contender> more) {
  for (Contender& who : more) list.push_back(std::move(who));
  return !more.empty();
}

}  // namespace

int run_bench_kernels(const Settings& settings) {
  BenchPlan plan = bench_plan(settings);
  const Peers peers(plan.compare);
  const RungPlugin* own = plan.rung.empty() ? nullptr : &load_rung(plan.rung);
  if (own) {
    if (plan.ops.empty()) plan.ops = {own->op};
    check_rung(*own, plan.request.dtype);
  }
  bool own_timed = !own, compared = plan.compare.empty();
  std::vector<BenchRow> rows;
  for_each_case(plan, [&](Case& c) {
    detail("timing ", c.op(), " ", c.shape());
    std::vector<Contender> list = rungs_of(c, plan);
    if (own) own_timed |= add(list, contenders(*own, c, plan));
    compared |= add(list, peers.contenders(c, plan));
    const std::vector<Measurement> measured = measure(c, list, plan.repeat);
    for (const Measurement& m : measured)
      rows.push_back(row_of(c, m, fastest_peer(measured, m.who->threads)));
  });
  require(own_timed, "--rung: ", plan.rung, " does ", own_timed ? "" : own->op,
          " and declined everything asked for; see --op, --shape and --dtype");
  require(compared,
          "--compare: libraries compute plain matrix products alone, mostly of f32; there were none, "
          "try --op=matmul");
  if (settings.flag("json"))
    print_json(rows);
  else if (settings.flag("csv"))
    print_csv(rows);
  else
    print_table(rows);
  return 0;
}

}  // namespace hewn::cli

// hewn bench kernels: runs every room's cases at the sizes of real models; checks each result, then times it.

#include <sys/prctl.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "apps/bench/gpu.h"
#include "apps/bench/ladder/source.h"
#include "apps/bench/ladder/walk.h"
#include "apps/bench/machine/asm.h"
#include "apps/bench/measure.h"
#include "apps/bench/peers/peers.h"
#include "apps/bench/report/baseline.h"
#include "apps/bench/report/report.h"
#include "apps/bench/roof.h"
#include "apps/bench/rung.h"
#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/file.h"

namespace hewn::cli {
namespace {

// The best time, in seconds, of a library under the same conditions; 0 if there is none.
double fastest_peer(const Measured& measured, const Measurement& beside) {
  double fastest = 0;
  for (const Measurement& m : measured.of)
    if (m.who->peer && m.who->tolerance == 0 && m.who->threads == beside.who->threads &&
        m.cache == beside.cache && (fastest == 0 || m.best() < fastest))
      fastest = m.best();
  return fastest;
}

// The best time, in seconds, of the first rung under the same conditions: the start of the ladder.
double first_rung(const Measured& measured, const Measurement& beside) {
  for (const Measurement& m : measured.of)
    if (!m.who->peer && m.who->threads == beside.who->threads && m.cache == beside.cache) return m.best();
  return 0;
}

// Adds the rung's idea, and where its kernel is.
void describe_rung(const Case& c, BenchRow& row) {
  for (size_t i = 0; i < c.rungs(); ++i) {
    if (row.rung != c.rung_name(i)) continue;
    const RungSource source = source_of(c, i);
    row.idea = c.rung_idea(i), row.file = source.file, row.line = source.line;
  }
}

BenchRow row_of(Case& c, int64_t calls, const Measured& measured, const Measurement& m, const Roof& roof) {
  const Contender& who = *m.who;
  const Cost cost = c.cost();
  return {.op = c.op(),
          .shape = c.shape(),
          .dtype = std::string(name_of(c.dtype())),
          .isa = std::string(name_of(who.isa)),
          .rung = who.name,
          .cache = m.cache == Cache::warm ? "warm" : "cold",
          .bound = roof.bound,
          .threads = who.threads,
          .best_ms = m.best() * 1e3,
          .median_ms = m.median() * 1e3,
          .spread_percent = m.spread_percent(),
          .gflops = cost.flops / m.best() * 1e-9,
          .gbps = cost.bytes / m.best() * 1e-9,
          .roof_percent = 100 * roof.seconds / m.best(),
          .calls = calls,
          .counts = m.counts,
          .flops_per_cycle = m.counts.cycles > 0 ? cost.flops / m.counts.cycles : -1,
          .speedup = fastest_peer(measured, m) / m.best(),
          .drift_percent = measured.drift_percent,
          .others_percent = measured.shares.others,
          .steal_percent = measured.shares.stolen};
}

Format format_of(const Settings& settings) {
  Format format = Format::table;
  std::string chosen;
  for (const auto& [name, meaning] :
       {std::pair{"json", Format::json}, {"csv", Format::csv}, {"md", Format::md}}) {
    if (!settings.flag(name)) continue;
    require(chosen.empty(), "--", name, " and --", chosen,
            " exclude each other; each can be combined with --plot");
    chosen = name;
    format = meaning;
  }
  return format;
}

std::string loop_title(const BenchRow& r) {
  return join(r.op, " ", r.shape, " ", r.dtype, ", ", r.rung, " on ", r.isa, ", ", r.threads,
              r.threads == 1 ? " thread, " : " threads, ", r.cache, ":");
}

// A lesson is printed with the table; beside JSON or CSV, on standard error.
Tell teller(Format format) {
  if (format == Format::json || format == Format::csv)
    return [](const std::string& text) { write_message(text); };
  return [](const std::string& text) {
    print(text);
    flush_results();
  };
}

// Appends `more` to the list; returns whether it had any elements.
bool add(std::vector<Contender>& list, std::vector<Contender> more) {
  for (Contender& who : more) list.push_back(std::move(who));
  return !more.empty();
}

}  // namespace

int run_bench_kernels(const Settings& settings) {
  BenchPlan plan = bench_plan(settings);
  const Format format = format_of(settings);
  if (settings.text("pages") == "small")
    require(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0,
            "--pages=small: this system cannot turn huge pages off");
  const std::string plot = settings.text("plot");
  std::optional<Baseline> baseline;
  if (settings.has("baseline")) baseline.emplace(settings.text("baseline"));
  const Peers peers(plan.compare, plan.device);
  const RungPlugin* own = plan.rung.empty() ? nullptr : &load_rung(plan.rung);
  const bool everything = plan.ops.empty() && !own;
  if (own) {
    if (plan.ops.empty()) plan.ops = {own->op};
    check_rung(*own, plan.request.dtype);
  }

  if (plan.assembly) {
    require(format == Format::table || format == Format::md, "--asm prints text; leave out --json and --csv");
    require_disassembler();
  }
  const bool on_cpu = plan.device == "cpu";
  const auto measurer = on_cpu ? make_cpu_measurer(plan) : make_gpu_measurer(plan, peers);
  std::vector<BenchRow> rows;
  if (everything || !plot.empty() || !on_cpu) {
    say("measuring the ceilings of ", on_cpu ? "the machine" : plan.device);
    rows = measurer->ceilings();
  }
  bool taught = false, own_timed = !own, compared = plan.compare.empty();
  std::set<std::string> declined;
  std::string loops;
  for_each_case(plan, [&](Case& c, int64_t calls) {
    if (plan.guess) {
      if (std::exchange(taught, true)) return;  // a lesson on the first case
      const auto row = [&](const Measured& measured, const Measurement& m) {
        BenchRow made = row_of(c, calls, measured, m, measurer->roof(c, m));
        describe_rung(c, made);
        return made;
      };
      rows = walk_ladder(c, plan, *measurer, teller(format), row);
      return;
    }
    detail("timing ", c.op(), " ", c.shape());
    std::vector<Contender> list = rungs_of(c, plan);
    if (own) own_timed |= add(list, contenders(*own, c, plan));
    compared |= add(list, peers.contenders(c, plan));
    for (std::string& why : peers.declined(c)) declined.insert(std::move(why));
    if (list.empty()) return;  // the device has no kernel for this
    const Measured measured = measurer->measure(c, list);
    for (const Measurement& m : measured.of) {
      rows.push_back(row_of(c, calls, measured, m, measurer->roof(c, m)));
      if (plan.ladder) rows.back().times_first = first_rung(measured, m) / m.best();
      if (plan.ladder && !m.who->peer) describe_rung(c, rows.back());
      if (plan.assembly) loops += join("\n", loop_title(rows.back()), "\n", m.hot_loop.text);
    }
  });
  require(own_timed, "--rung: ", plan.rung, " implements ", own_timed ? "" : own->op,
          " and declined all requested cases; see --op, --shape and --dtype");
  const std::string reasons = list_text(declined, "; ");
  require(compared, "--compare: no library could be compared: ", reasons);
  if (!declined.empty()) detail("--compare: omitted: ", reasons);

  const int64_t slower = baseline ? baseline->compare(rows) : 0;
  if (!plot.empty()) write_file_atomically(plot, charts_page(rows));
  print_rows(rows, format, settings.flag("wide") ? std::nullopt : known_width(Stream::results));
  if (format == Format::md && !loops.empty()) loops = "\n```" + loops + "```\n";
  print(loops);
  measurer->tell_conditions(rows);
  if (slower == 0) return 0;
  say(slower, " of ", rows.size(), " timings are slower than in ", settings.text("baseline"),
      " by more than the noise");
  return static_cast<int>(ErrorCode::numerical);
}

}  // namespace hewn::cli

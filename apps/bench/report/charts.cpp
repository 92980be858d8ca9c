#include "apps/bench/report/report.h"

#include <algorithm>

#include "apps/cli/format.h"
#include "apps/page/markdown.h"
#include "apps/page/page.h"
#include "apps/page/svg.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

using Rows = std::vector<BenchRow>;

constexpr std::string_view about =
    R"(<p>Each point is a kernel: its arithmetic intensity (operations per byte moved) and its throughput (operations per
second). Lines are measured ceilings: slanted lines are the read bandwidth of a memory level, horizontal lines the
arithmetic peak; solid lines with labels are for the most threads, dashed lines for fewer. Filled points had their
operands in cache, hollow points in memory. Point at one to see its name.</p>
)";

std::string three_digits(double x) { return x >= 100 ? fixed(x, 0) : number_text(x, 3); }

std::string threads_text(int n) { return join(n, n == 1 ? " thread" : " threads"); }

// One line per ceiling: a bandwidth rises with the intensity up to the highest peak; a peak is horizontal. Those of fewer
// threads than `threads` are dashed.
std::vector<SvgLine> ceiling_lines(const Rows& ceilings, double low, double high, int threads) {
  const auto of = [&](const char* op) {
    return those_of(ceilings, [&](const BenchRow& r) { return r.op == op; });
  };
  const Rows reads = of("ceiling.read").empty() ? of("ceiling.copy") : of("ceiling.read");
  std::vector<SvgLine> lines;
  double most = 1;
  for (const char* op : {"ceiling.fma", "ceiling.matmul"})
    for (const BenchRow& r : of(op)) {
      most = std::max(most, r.gflops);
      lines.push_back({.name = join(r.dtype, " ", fixed(r.gflops, 0), " GFLOP/s"),
                       .x = {low, high},
                       .y = {r.gflops, r.gflops},
                       .dashed = r.threads < threads});
    }
  for (const BenchRow& r : reads)
    lines.push_back({.name = join(r.shape, " ", fixed(r.gbps, 0), " GB/s"),
                     .x = {low, most / r.gbps},
                     .y = {low * r.gbps, most},
                     .dashed = r.threads < threads});
  return lines;
}

std::string kind_of(const BenchRow& r) { return r.op.substr(0, r.op.find('.')); }

std::string roofline(const Rows& ceilings, const Rows& kernels, int threads, Palette& palette) {
  double low = 0.05, high = 100;
  std::vector<SvgSeries> points;
  for (const BenchRow& r : kernels) {
    if (!(r.gflops > 0 && r.gbps > 0)) continue;
    const double intensity = r.gflops / r.gbps;
    low = std::min(low, intensity), high = std::max(high, intensity);
    points.push_back(
        {.name = kind_of(r),
         .x = {intensity},
         .y = {r.gflops},
         .form = SvgSeries::Form::points,
         .titles = {join(r.op, " ", r.shape, " ", r.dtype, ", ", r.rung, " on ", r.isa, ", ",
                         threads_text(r.threads), ", ", r.cache, ": ", fixed(r.gflops, 1), " GFLOP/s, ",
                         fixed(r.roof_percent, 0), "% of its roofline (", r.bound, ")")},
         .hollow = r.cache == "cold"});
  }
  return svg_in_page(svg_chart(
      "Roofline", points, {.x = "FLOP per byte", .y = "GFLOP/s", .log_x = true, .log_y = true, .large = true},
      palette, ceiling_lines(ceilings, low, high, threads)));
}

// The rungs of each case with their times and their gains over the first, then their ideas.
std::string ladders(const Rows& kernels, Palette& palette) {
  std::vector<std::pair<std::string, Rows>> groups;
  for (const BenchRow& r : kernels) {
    const std::string title =
        join(r.op, " ", r.shape, " ", r.dtype, ", ", threads_text(r.threads), ", ", r.cache);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == title; });
    if (group == groups.end()) group = groups.insert(groups.end(), {title, {}});
    group->second.push_back(r);
  }
  std::string html;
  for (const auto& [title, rungs] : groups) {
    if (rungs.size() < 2) continue;
    std::vector<SvgBar> bars;
    for (const BenchRow& r : rungs)
      bars.push_back({.name = join(r.rung, " (", r.isa, ")"),
                      .text = join(three_digits(r.best_ms), " ms, ",
                                   bars.empty() ? "" : three_digits(rungs[0].best_ms / r.best_ms) + "×, ",
                                   three_digits(r.roof_percent), "% of roofline"),
                      .value = 1 / r.best_ms,
                      .setting = kind_of(r)});
    html += svg_in_page(svg_bars(title, bars, palette, {.name = "calls per millisecond"}));
  }
  return html.empty()
             ? ""
             : join("<h2>Ladders</h2>\n", html, markdown_html(parse_markdown(ideas_text(kernels, true)), {}));
}

}  // namespace

std::string charts_page(const Rows& rows) {
  const Rows ceilings = those_of(rows, [](const BenchRow&r) { return r.is_ceiling(); }),
             kernels = those_of(rows, [](const BenchRow&r) { return !r.is_ceiling(); });
  int threads = 1;
  for (const BenchRow& r : ceilings) threads = std::max(threads, r.threads);
  Palette palette;
  const std::string roof = roofline(ceilings, kernels, threads, palette);
  return plain_page("Kernels", join(about, roof, ladders(kernels, palette), "<h2>Ceilings</h2>\n",
                                    html_table(ceiling_cells(ceilings)), "<h2>Kernels</h2>\n",
                                    html_table(kernel_cells(kernels))));
}

}  // namespace hewn::cli

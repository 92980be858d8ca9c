#include "apps/bench_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/format.h"
#include "apps/terminal.h"

namespace hewn::cli {
namespace {

bool compared(const std::vector<BenchRow>& rows) {
  return std::any_of(rows.begin(), rows.end(), [](const BenchRow& r) { return r.speedup > 0; });
}

}  // namespace

void print_csv(const std::vector<BenchRow>& rows) {
  const bool peers = compared(rows);
  print("op,shape,dtype,threads,isa,rung,best_ms,median_ms,gflops,gbps,roof_percent", peers ? ",speedup" : "",
        "\n");
  for (const BenchRow& r : rows)
    print(r.op, ",", r.shape, ",", r.dtype, ",", r.threads, ",", r.isa, ",", r.rung, ",", r.best_ms, ",",
          r.median_ms, ",", r.gflops, ",", r.gbps, ",", r.roof_percent, peers ? join(",", r.speedup) : "",
          "\n");
}

void print_json(const std::vector<BenchRow>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const BenchRow& r : rows) {
    list.push_back({{"op", r.op},
                    {"shape", r.shape},
                    {"dtype", r.dtype},
                    {"threads", r.threads},
                    {"isa", r.isa},
                    {"rung", r.rung},
                    {"best_ms", r.best_ms},
                    {"median_ms", r.median_ms},
                    {"gflops", r.gflops},
                    {"gbps", r.gbps},
                    {"roof_percent", r.roof_percent}});
    if (r.speedup > 0) list.back()["speedup"] = r.speedup;
  }
  print(list.dump(2), "\n");
}

void print_table(const std::vector<BenchRow>& rows) {
  std::vector<std::vector<std::string>> cells = {{"op", "shape", "dtype", "threads", "isa", "rung", "best ms",
                                                  "median ms", "GFLOP/s", "GB/s", "roof %"}};
  const bool peers = compared(rows);
  if (peers) cells[0].emplace_back("speedup");
  for (const BenchRow& r : rows) {
    cells.push_back({r.op, r.shape, r.dtype, std::to_string(r.threads), r.isa, r.rung, fixed(r.best_ms, 4),
                     fixed(r.median_ms, 4), fixed(r.gflops, 2), fixed(r.gbps, 2), fixed(r.roof_percent, 1)});
    if (peers) cells.back().push_back(r.speedup > 0 ? fixed(r.speedup, 2) : "");
  }
  print(table_text(cells));
}

}  // namespace hewn::cli

#include "apps/bench/report/report.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

using Rows = std::vector<BenchRow>;
using Cells = std::vector<std::vector<std::string>>;

/// A column: its key in JSON and CSV, and its heading in tables (omitted there without one). A null value
/// does not apply to the row.
struct Column {
  const char* key;
  const char* heading;
  Json (*value)(const BenchRow&);
  int digits = 0;
};

Json known(double count) { return count < 0 ? Json() : Json(count); }

constexpr Column columns[] = {
    {"op", "op", [](const BenchRow& r) -> Json { return r.op; }},
    {"shape", "shape", [](const BenchRow& r) -> Json { return r.shape; }},
    {"dtype", "dtype", [](const BenchRow& r) -> Json { return r.dtype; }},
    {"threads", "threads", [](const BenchRow& r) -> Json { return r.threads; }},
    {"isa", "isa", [](const BenchRow& r) -> Json { return r.isa; }},
    {"rung", "rung", [](const BenchRow& r) -> Json { return r.rung; }},
    {"cache", "cache", [](const BenchRow& r) { return r.is_ceiling() ? Json() : Json(r.cache); }},
    {"best_ms", "best ms", [](const BenchRow& r) -> Json { return r.best_ms; }, 4},
    {"median_ms", "median ms", [](const BenchRow& r) -> Json { return r.median_ms; }, 4},
    {"spread_percent", "spread %",
     [](const BenchRow& r) { return r.is_ceiling() ? Json() : Json(r.spread_percent); }, 1},
    {"gflops", "GFLOP/s", [](const BenchRow& r) -> Json { return r.gflops; }, 2},
    {"gbps", "GB/s", [](const BenchRow& r) -> Json { return r.gbps; }, 2},
    {"roof_percent", "roofline %", [](const BenchRow& r) -> Json { return r.roof_percent; }, 1},
    {"bound", "bound by", [](const BenchRow& r) { return r.is_ceiling() ? Json() : Json(r.bound); }},
    {"calls_per_step", "calls/step", [](const BenchRow& r) { return r.calls > 0 ? Json(r.calls) : Json(); }},
    {"cycles", "cycles", [](const BenchRow& r) { return known(r.counts.cycles); }, 0},
    {"instructions", "instructions", [](const BenchRow& r) { return known(r.counts.instructions); }, 0},
    {"instructions_per_cycle", "instr/cycle", [](const BenchRow& r) { return known(r.counts.per_cycle()); },
     2},
    {"flops_per_cycle", "FLOP/cycle", [](const BenchRow& r) { return known(r.flops_per_cycle); }, 2},
    {"l1_misses", "L1 misses", [](const BenchRow& r) { return known(r.counts.l1_misses); }, 0},
    {"llc_misses", "LLC misses", [](const BenchRow& r) { return known(r.counts.llc_misses); }, 0},
    {"drift_percent", nullptr, [](const BenchRow& r) { return known(r.drift_percent); }},
    {"others_percent", nullptr,
     [](const BenchRow& r) { return r.others_percent < 0 ? Json() : Json(r.others_percent); }},
    {"steal_percent", nullptr,
     [](const BenchRow& r) { return r.steal_percent < 0 ? Json() : Json(r.steal_percent); }},
    {"times_first", "x first",
     [](const BenchRow& r) { return r.times_first > 0 ? Json(r.times_first) : Json(); }, 2},
    {"idea", nullptr, [](const BenchRow& r) { return r.idea.empty() ? Json() : Json(r.idea); }},
    {"file", nullptr, [](const BenchRow& r) { return r.file.empty() ? Json() : Json(r.file); }},
    {"line", nullptr, [](const BenchRow& r) { return r.file.empty() ? Json() : Json(r.line); }},
    {"times_previous", nullptr,
     [](const BenchRow& r) { return r.times_previous > 0 ? Json(r.times_previous) : Json(); }},
    {"guess", nullptr, [](const BenchRow& r) { return r.guess > 0 ? Json(r.guess) : Json(); }},
    {"loads_per_multiply_add", nullptr, [](const BenchRow& r) { return known(r.loads_per_multiply_add); }},
    {"waits_for", nullptr,
     [](const BenchRow& r) { return r.waits_for.empty() ? Json() : Json(r.waits_for); }},
    {"speedup", "speedup", [](const BenchRow& r) { return r.speedup > 0 ? Json(r.speedup) : Json(); }, 2},
    {"baseline_ms", "baseline ms",
     [](const BenchRow& r) { return r.change ? Json(r.change->baseline_ms) : Json(); }, 4},
    {"change_percent", "change %",
     [](const BenchRow& r) { return r.change ? Json(r.change->percent) : Json(); }, 1},
    {"noise_percent", "noise %",
     [](const BenchRow& r) { return r.change ? Json(r.change->noise_percent) : Json(); }, 1},
    {"verdict", "verdict", [](const BenchRow& r) { return r.change ? Json(r.change->verdict()) : Json(); }},
};

std::vector<const Column*> columns_of(const Rows& rows, bool in_table) {
  std::vector<const Column*> used;
  for (const Column& column : columns) {
    const bool applies =
        std::any_of(rows.begin(), rows.end(), [&](const BenchRow& r) { return !column.value(r).is_null(); });
    if (applies && (column.heading || !in_table)) used.push_back(&column);
  }
  return used;
}

Cells cells_of(const Rows& rows, const std::vector<const Column*>& used) {
  Cells cells(1);
  for (const Column* column : used) cells[0].emplace_back(column->heading);
  for (const BenchRow& row : rows) {
    auto& line = cells.emplace_back();
    for (const Column* column : used) {
      const Json value = column->value(row);
      line.push_back(value.is_null()           ? ""
                     : value.is_string()       ? value.get<std::string>()
                     : value.is_number_float() ? fixed(value.get<double>(), column->digits)
                                               : json_text(value));
    }
  }
  return cells;
}

std::string heading_of(std::string_view key) {
  const auto* it =
      std::find_if(std::begin(columns), std::end(columns), [&](const Column& c) { return c.key == key; });
  return it->heading;
}

/// A table that is fitted to a width.
class Fitted {
 public:
  explicit Fitted(const Rows& rows) : rows_(rows), used_(columns_of(rows, true)) { set(); }

  Cells cells() const { return cells_of(rows_, used_); }
  bool fits(size_t width) const { return text_.find('\n') <= width; }

  /// Removes the column with this key. Returns its heading, or "" if there is none.
  std::string leave_out(std::string_view key) {
    const auto it = std::find_if(used_.begin(), used_.end(), [&](const Column* c) { return c->key == key; });
    if (it == used_.end()) return "";
    const std::string heading = (*it)->heading;
    used_.erase(it);
    set();
    return heading;
  }

  /// Removes the column with this key if all rows have the same value. Returns "threads 1", or "" if they differ.
  std::string take_constant(std::string_view key) {
    const auto it = std::find_if(used_.begin(), used_.end(), [&](const Column* c) { return c->key == key; });
    if (it == used_.end()) return "";
    const Json value = (*it)->value(rows_[0]);
    for (const BenchRow& row : rows_)
      if ((*it)->value(row) != value) return "";
    return join(leave_out(key), " ", value.is_string() ? value.get<std::string>() : json_text(value));
  }

 private:
  void set() { text_ = table_text(cells_of(rows_, used_)); }

  const Rows& rows_;
  std::vector<const Column*> used_;
  std::string text_;
};

void print_fitted(const Rows& rows, size_t width) {
  Fitted table(rows);
  std::string constant;
  if (!table.fits(width))
    for (const char* key : {"dtype", "threads", "isa", "cache"})
      if (const std::string same = table.take_constant(key); !same.empty())
        constant += (constant.empty() ? "" : ", ") + same;
  if (!constant.empty()) print("All rows: ", constant, "\n");
  // The least important first. Columns that distinguish rows and the best time are always kept.
  std::vector<std::string> headings;
  for (const char* key : {"spread_percent", "gbps", "median_ms", "noise_percent", "llc_misses", "l1_misses",
                          "instructions", "cycles", "flops_per_cycle", "calls_per_step", "baseline_ms",
                          "bound", "gflops", "instructions_per_cycle", "roof_percent"})
    headings.push_back(heading_of(key));
  print_table(table.cells(), static_cast<int>(width), headings);
}

std::string csv_value(const Json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? csv_cell(value.get<std::string>()) : json_text(value);
}

void print_csv(const Rows& rows) {
  const auto used = columns_of(rows, false);
  for (const Column* column : used) print(column == used[0] ? "" : ",", column->key);
  print("\n");
  for (const BenchRow& row : rows) {
    for (const Column* column : used) print(column == used[0] ? "" : ",", csv_value(column->value(row)));
    print("\n");
  }
}

}  // namespace

// Ceilings are printed as speeds, since their times belong to no kernel.
Cells ceiling_cells(const Rows& rows) {
  Cells cells{{"ceiling", "in", "dtype", "threads", "isa", "speed", "by"}};
  for (const BenchRow& r : rows)
    cells.push_back({r.op.substr(r.op.find('.') + 1), r.shape, r.dtype, std::to_string(r.threads), r.isa,
                     r.gflops > 0 ? fixed(r.gflops, 1) + " GFLOP/s"
                     : r.gbps > 0 ? fixed(r.gbps, 1) + " GB/s"
                                  : fixed(1e3 / r.best_ms, 2) + " G/s",
                     r.rung});
  return cells;
}

std::string ideas_text(const Rows& rows, bool md) {
  std::string out, op;
  std::vector<std::string> told;
  for (const BenchRow& row : rows) {
    const std::string rung = row.op + " " + row.rung;
    if (row.idea.empty() || std::find(told.begin(), told.end(), rung) != told.end()) continue;
    told.push_back(rung);
    if (row.op != op) out += join("\n", row.op, md ? ":\n\n" : "\n");
    op = row.op;
    const std::string place = row.file.empty() ? "" : join(" (", row.file, ":", row.line, ")");
    out += md ? join("- `", row.rung, "`: ", row.idea, place, "\n")
              : "  " + wrap(join(row.rung, ": ", row.idea, place), terminal_width(Stream::results), 4) + "\n";
  }
  return out;
}

Cells kernel_cells(const Rows& rows) { return cells_of(rows, columns_of(rows, true)); }

std::string rows_json(const Rows& rows) {
  Json list = Json::array();
  for (const BenchRow& row : rows) {
    Json& object = list.emplace_back(Json::object());
    for (const Column& column : columns)
      if (Json value = column.value(row); !value.is_null()) object[column.key] = std::move(value);
  }
  return json_text(list, 2);
}

void print_rows(const Rows& rows, Format format, std::optional<int> width) {
  if (format == Format::json) return print(rows_json(rows), "\n");
  if (format == Format::csv) return print_csv(rows);
  const bool md = format == Format::md;
  const auto shown = md ? markdown_table : table_text;
  Rows ceilings, others;
  for (const BenchRow& row : rows) (row.is_ceiling() ? ceilings : others).push_back(row);
  if (!ceilings.empty()) print(shown(ceiling_cells(ceilings)), others.empty() ? "" : "\n");
  if (others.empty()) return;
  if (md || !width)
    print(shown(kernel_cells(others)));
  else
    print_fitted(others, static_cast<size_t>(*width));
  print(ideas_text(others, md));
}

}  // namespace hewn::cli

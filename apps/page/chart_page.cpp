#include "apps/page/chart_page.h"

#include "apps/page/escape.h"
#include "core/error.h"

// Created by CMake from the file it found, or empty: see apps/CMakeLists.txt.
extern "C" const char hewn_chart_js[];
extern "C" const char hewn_chart_js_end[];

namespace hewn::cli {
namespace {

constexpr std::string_view page_style = R"(<style>
  body { font: 15px/1.5 sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em; color: #222 }
  table { border-collapse: collapse; font-size: 13px } td, th { padding: 2px 8px; text-align: right }
  th { border-bottom: 1px solid #888 } td:nth-child(-n+2), th:nth-child(-n+2) { text-align: left }
  .chart { position: relative; margin: 1.5em 0 }
</style></head><body>
)";

constexpr std::string_view page_script = R"(
const colors = ['#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e', '#17becf', '#8c564b', '#e377c2'];

// One row per element of `list`; a column is its heading and a function of the element.
function fillTable(id, list, columns) {
  const add = (parent, tag, text) => { const e = document.createElement(tag); e.textContent = text; parent.append(e); };
  const table = document.getElementById(id), head = table.insertRow();
  for (const [heading] of columns) add(head, 'th', heading);
  for (const r of list) {
    const line = table.insertRow();
    for (const [, value] of columns) {
      const v = value(r);
      add(line, 'td', typeof v === 'number' ? +v.toPrecision(4) : v ?? '');
    }
  }
}
)";

}  // namespace

std::string_view chart_js() {
  return {hewn_chart_js, static_cast<size_t>(hewn_chart_js_end - hewn_chart_js)};
}

bool has_charts() { return !chart_js().empty(); }

void require_charts() {
  if (!has_charts())
    fail(ErrorCode::failed,
         "this build of hewn has no charts, since Chart.js was not found when it was built; ",
         "install it (Debian: libjs-chart.js), configure and build again, or use --json or --md");
}

std::string chart_page(std::string_view title, std::string_view body, std::string_view name,
                       const std::string& json, std::string_view script) {
  std::string page = join("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>", title,
                          "</title>\n", page_style, "<h1>", title, "</h1>\n", body, "<script>\n");
  page += chart_js();
  page += join("\nconst ", name, " = ", inside_script(json), ";\n", page_script, script,
               "</script></body></html>\n");
  return page;
}

}  // namespace hewn::cli

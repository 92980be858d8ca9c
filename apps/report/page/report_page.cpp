#include "apps/report/page/report_page.h"

#include "apps/page/chart_page.h"
#include "apps/page/page.h"

// Created by CMake from the style and scripts in this folder: see apps/CMakeLists.txt.
extern "C" const char hewn_report_css[], hewn_report_css_end[];
extern "C" const char hewn_report_js[], hewn_report_js_end[];

namespace hewn::cli {

std::string report_page(std::string_view title, std::string_view json) {
  std::string script(chart_js());
  script += "\n";
  script += std::string_view(hewn_report_js, hewn_report_js_end);
  return page({.title = title, .style = {hewn_report_css, hewn_report_css_end}, .script = script}, json);
}

}  // namespace hewn::cli

#include "apps/trace/page/trace_page.h"

#include "apps/page/page.h"

// Created by CMake from the style and scripts in this folder: see apps/CMakeLists.txt.
extern "C" const char hewn_trace_css[], hewn_trace_css_end[];
extern "C" const char hewn_trace_js[], hewn_trace_js_end[];

namespace hewn::cli {

std::string trace_page(std::string_view title, std::string_view json) {
  return page({.title = title,
               .style = {hewn_trace_css, hewn_trace_css_end},
               .script = {hewn_trace_js, hewn_trace_js_end}},
              json);
}

}  // namespace hewn::cli

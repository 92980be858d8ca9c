#include "apps/learn/page/course_page.h"

#include "apps/page/page.h"

// Created by CMake: see apps/CMakeLists.txt.
extern "C" const char hewn_course_css[], hewn_course_css_end[];
extern "C" const char hewn_course_js[], hewn_course_js_end[];

namespace hewn::cli {

std::string course_page(std::string_view json, std::string_view picture_style) {
  return page({.title = "A course on backpropagation",
               .style = {hewn_course_css, hewn_course_css_end},
               .script = {hewn_course_js, hewn_course_js_end},
               .picture_style = picture_style},
              json);
}

}  // namespace hewn::cli

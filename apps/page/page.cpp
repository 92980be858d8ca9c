#include "apps/page/page.h"

#include "apps/page/escape.h"
#include "core/text.h"

// Created by CMake from style.css, and from numbers.js and page.js: see apps/CMakeLists.txt.
extern "C" const char hewn_page_css[], hewn_page_css_end[];
extern "C" const char hewn_page_js[], hewn_page_js_end[];

namespace hewn::cli {
namespace {

constexpr std::string_view policy =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

}  // namespace

std::string page(const PageParts& parts, std::string_view json) {
  return join("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n",
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
              "<meta http-equiv=\"Content-Security-Policy\" content=\"", policy, "\">\n",
              "<link rel=\"icon\" href=\"data:,\">\n<title>", inside_html(parts.title), "</title>\n<style>\n",
              std::string_view(hewn_page_css, hewn_page_css_end), parts.style, "</style></head><body>\n",
              "<noscript>This page needs JavaScript.</noscript>\n",
              "<script type=\"application/json\" id=\"data\">", inside_script(json), "</script>\n<script>\n",
              std::string_view(hewn_page_js, hewn_page_js_end), parts.script, "</script></body></html>\n");
}

}  // namespace hewn::cli

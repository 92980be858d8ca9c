#include "apps/page/page.h"

#include "apps/page/escape.h"
#include "apps/page/sha256.h"
#include "core/text.h"
#include "train/inspect/trace/trace_json.h"

// Created by CMake from style.css and drawing.css, and from numbers.js and page.js: see apps/CMakeLists.txt.
extern "C" const char hewn_page_css[], hewn_page_css_end[];
extern "C" const char hewn_page_js[], hewn_page_js_end[];

namespace hewn::cli {
namespace {

// The name of an inline text in a policy.
std::string hash_of(std::string_view text) {
  return text.empty() ? "" : join(" 'sha256-", base64(sha256(text)), "'");
}

}  // namespace

std::string page(const PageParts& parts, std::string_view json) {
  const std::string style = join("\n", std::string_view(hewn_page_css, hewn_page_css_end), parts.style);
  const std::string script = join("\n", std::string_view(hewn_page_js, hewn_page_js_end), parts.script);
  const std::string policy = join("default-src 'none'; script-src", hash_of(script), "; style-src",
                                  hash_of(style), hash_of(parts.picture_style), "; img-src data:");
  return join("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n",
              "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
              "<meta http-equiv=\"Content-Security-Policy\" content=\"", policy, "\">\n",
              "<link rel=\"icon\" href=\"data:,\">\n<title>", inside_html(parts.title), "</title>\n<style>",
              style, "</style></head><body>\n",
              parts.script.empty() ? "" : "<noscript>This page needs JavaScript.</noscript>\n", parts.body,
              "<script type=\"application/json\" id=\"data\">", inside_script(json), "</script>\n<script>",
              script, "</script></body></html>\n");
}

std::string plain_page(std::string_view title, std::string_view body) {
  return page({.title = title,
               .body = join("<main class=\"plain\"><header id=\"top\"><h1>", inside_html(title),
                            "</h1></header>\n", body, "</main>\n")},
              "null");
}

std::string html_table(const std::vector<std::vector<std::string>>& rows) {
  std::string html = "<div class=\"wide\" tabindex=\"0\"><table class=\"list\">";
  for (const auto& row : rows) {
    html += "<tr>";
    for (const std::string& cell : row) {
      const bool number = !cell.empty() && cell.find_first_not_of("0123456789.,e+-%") == cell.npos;
      html += &row == rows.data() ? "<th scope=\"col\">" : number ? "<td class=\"number\">" : "<td>";
      html += inside_html(cell);
    }
    html += "\n";
  }
  return html + "</table></div>\n";
}

}  // namespace hewn::cli

#include "apps/page/page.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include "core/text.h"
#include "model/tokenizer/utf8.h"
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

namespace {

// The text with each code point as `escaped(code_point)` writes it, or unchanged if that returns an empty text.
template <class Escaped>
std::string with_escapes(std::string_view text, Escaped escaped) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, at);
    if (point.bytes == 0) {
      append_utf8(result, U'\ufffd');
      ++at;
      continue;
    }
    const std::string_view other = escaped(point.value);
    result += other.empty() ? text.substr(at, point.bytes) : other;
    at += point.bytes;
  }
  return result;
}

}  // namespace

std::string inside_script(std::string_view json) {
  return with_escapes(json, [](char32_t c) -> std::string_view {
    switch (c) {
      case U'<': return "\\u003c";
      case U'\u2028': return "\\u2028";
      case U'\u2029': return "\\u2029";
      default: return "";
    }
  });
}

std::string inside_html(std::string_view text) {
  return with_escapes(text, [](char32_t c) -> std::string_view {
    switch (c) {
      case U'<': return "&lt;";
      case U'>': return "&gt;";
      case U'&': return "&amp;";
      case U'"': return "&quot;";
      default: return "";
    }
  });
}

namespace {

using Words = std::array<uint32_t, 8>;

struct Constants {
  Words first{};                   // of the square roots of the first primes, 32 bits behind the point
  std::array<uint32_t, 64> add{};  // of their cube roots

  Constants() {
    const auto bits = [](double root) {
      return static_cast<uint32_t>(std::ldexp(root - std::floor(root), 32));
    };
    size_t found = 0;
    for (int n = 2; found < add.size(); ++n) {
      bool prime = true;
      for (int d = 2; d * d <= n; ++d) prime &= n % d != 0;
      if (!prime) continue;
      if (found < first.size()) first[found] = bits(std::sqrt(n));
      add[found++] = bits(std::cbrt(n));
    }
  }
};

void add_block(Words& sum, const unsigned char* block, const Constants& constants) {
  const auto turned = [](uint32_t x, int a, int b) { return std::rotr(x, a) ^ std::rotr(x, b); };
  std::array<uint32_t, 64> w{};
  for (size_t t = 0; t < 64; ++t)
    if (t < 16)
      for (size_t i = 0; i < 4; ++i) w[t] = w[t] << 8U | block[4 * t + i];
    else
      w[t] = w[t - 16] + (turned(w[t - 15], 7, 18) ^ w[t - 15] >> 3U) + w[t - 7] +
             (turned(w[t - 2], 17, 19) ^ w[t - 2] >> 10U);
  auto [a, b, c, d, e, f, g, h] = sum;
  for (size_t t = 0; t < 64; ++t) {
    const uint32_t x =
        h + (turned(e, 6, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + constants.add[t] + w[t];
    const uint32_t y = (turned(a, 2, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + x, d = c, c = b, b = a, a = x + y;
  }
  const Words more{a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) sum[i] += more[i];
}

}  // namespace

std::string sha256(std::string_view text) {
  static const Constants constants;
  std::string bytes(text);
  bytes += '\x80';
  bytes.resize((bytes.size() + 8 + 63) / 64 * 64 - 8);
  for (int byte = 7; byte >= 0; --byte) bytes += static_cast<char>(uint64_t{8} * text.size() >> (8 * byte));
  Words sum = constants.first;
  for (size_t at = 0; at < bytes.size(); at += 64)
    add_block(sum, reinterpret_cast<const unsigned char*>(bytes.data()) + at, constants);
  std::string out;
  for (const uint32_t word : sum)
    for (int byte = 3; byte >= 0; --byte) out += static_cast<char>(word >> (8 * byte));
  return out;
}

}  // namespace hewn::cli

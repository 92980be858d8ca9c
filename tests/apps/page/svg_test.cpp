// Drawings: colours of names, what stays inside the axes, and drawings as files.

#include "apps/page/svg.h"

#include <cmath>
#include <limits>
#include <regex>

#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using cli::SvgSeries;

bool has(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

// The class of the group around the first `title`: "s1".
std::string color_of(const std::string& svg, const std::string& title) {
  const size_t at = svg.find("<title>" + title);
  REQUIRE(at != svg.npos);
  return svg.substr(svg.rfind("<g class='", at) + 10, 2);
}

SvgSeries line(const std::string& name, std::vector<double> y) {
  SvgSeries series{.name = name, .x = {}, .y = y};
  for (size_t i = 0; i < y.size(); ++i) series.x.push_back(static_cast<double>(i));
  return series;
}

}  // namespace

TEST_CASE("drawing: a name keeps its colour on a page, in whatever order charts show it", "[page]") {
  cli::Palette palette;
  const std::string first = cli::svg_chart("a", {line("n_head=1", {1, 2}), line("n_head=4", {2, 1})},
                                           {.x = "step", .y = "loss"}, palette);
  SvgSeries points = line("n_head=4", {3, 4});
  points.form = SvgSeries::Form::points;
  const std::string second = cli::svg_chart("b", {points, line("n_head=1", {1, 2}), line("new", {1, 1})},
                                            {.x = "step", .y = "loss"}, palette);
  const std::string bars =
      cli::svg_bars("c", {{.name = "x", .text = "1", .value = 1, .setting = "n_head=4"}}, palette);
  CHECK(color_of(first, "n_head=1") == "s1");
  CHECK(color_of(first, "n_head=4") == "s2");
  CHECK(color_of(second, "n_head=1") == "s1");
  CHECK(color_of(second, "n_head=4") == "s2");
  CHECK(color_of(second, "new") == "s3");
  CHECK(color_of(bars, "x: 1") == "s2");
}

TEST_CASE("drawing: deviations, floors and texts stay inside", "[page]") {
  cli::Palette palette;
  const std::vector<cli::SvgBar> bars = {
      {.name = "low", .text = "1.0 ± 0.9", .value = 1, .deviation = 0.9, .setting = "low"},
      {.name = "high", .text = "2.0 ± 3.0", .value = 2, .deviation = 3, .setting = "high"},
      {.name = "none", .text = "", .value = std::nan(""), .setting = "none"}};
  for (const bool from_zero : {false, true}) {
    const std::string svg =
        cli::svg_bars("losses", bars, palette,
                      {.name = "loss", .from_zero = from_zero, .line = -2, .line_name = "lower bound"});
    INFO(svg);
    const std::regex whisker("d='M([0-9.]+) [0-9.]+H([0-9.]+)M"), number("<text x='([0-9.-]+)'");
    const auto none = std::sregex_iterator();
    size_t found = 0;
    for (auto m = std::sregex_iterator(svg.begin(), svg.end(), whisker); m != none; ++m, ++found) {
      CHECK(std::stod((*m)[1]) > 40);        // behind the names
      CHECK(std::stod((*m)[2]) < 900 - 60);  // in front of its text
      CHECK(std::stod((*m)[1]) < std::stod((*m)[2]));
    }
    CHECK(found == 2);
    for (auto m = std::sregex_iterator(svg.begin(), svg.end(), number); m != none; ++m) {
      CHECK(std::stod((*m)[1]) > 0);
      CHECK(std::stod((*m)[1]) < 900);
    }
    CHECK(!has(svg, "nan"));
  }
}

TEST_CASE("drawing: values that an axis does not have are left out, and text is escaped", "[page]") {
  cli::Palette palette;
  const double inf = std::numeric_limits<double>::infinity();
  const std::string svg =
      cli::svg_chart("</svg><script>", {line("<b>\"", {1, 0, -1, inf, std::nan(""), 100, 10})},
                     {.x = "step", .y = "loss", .log_y = true}, palette);
  INFO(svg);
  for (const char* part : {"<script", "<b>", "inf", "nan", "style="}) CHECK(!has(svg, part));
  CHECK(std::regex_search(svg, std::regex("d='M60 [0-9.]+M[0-9.]+ [0-9.]+L524 [0-9.]+'")));
  for (const auto& empty : {line("none", {}), line("one", {3}), line("same", {2, 2, 2})})
    CHECK(!has(cli::svg_chart("t", {empty}, {.x = "x", .y = "y"}, palette), "nan"));
}

TEST_CASE("drawing: ticks are round, whole for whole numbers, and differ", "[page]") {
  const auto ticks = [](const SvgSeries& series, bool log_x) {
    cli::Palette palette;
    const std::string svg = cli::svg_chart("t", {series}, {.x = "x", .y = "y", .log_x = log_x}, palette);
    std::vector<std::string> texts;
    const std::regex tick("<text x='[0-9.]+' y='306' text-anchor='middle'>([^<]+)<");
    for (auto m = std::sregex_iterator(svg.begin(), svg.end(), tick); m != std::sregex_iterator(); ++m)
      texts.push_back((*m)[1]);
    return texts;
  };
  using Texts = std::vector<std::string>;
  CHECK(ticks(line("blocks", {1, 2, 3}), false) == Texts{"0", "1", "2"});
  CHECK(ticks({.name = "cost", .x = {1e6, 3e9}, .y = {1, 2}}, true) == Texts{"1M", "10M", "100M", "1G"});
  CHECK(ticks({.name = "cost", .x = {0.9, 25}, .y = {1, 2}}, true) == Texts{"1", "2", "5", "10", "20"});
  CHECK(ticks({.name = "close", .x = {3.7521, 3.7523}, .y = {1, 2}}, false).size() >= 4);
}

TEST_CASE("drawing: a file has the colours of the light theme", "[page]") {
  cli::Palette palette;
  const std::string svg = cli::svg_chart("t", {line("a", {1, 2})}, {.x = "x", .y = "y"}, palette),
                    file = cli::svg_file(svg);
  CHECK(!has(svg, "#"));
  CHECK(!has(file, "var(--"));
  CHECK(has(file, ".s1 { color: #1261b5 }"));
  CHECK(has(file, ".drawing text { fill: #1b1f24;"));
  CHECK(has(file, "class='ground'"));
  CHECK(file.starts_with("<?xml"));
}

}  // namespace hewn::test

#pragma once
// Drawings as SVG. Their parts have the classes of drawing.css, so that they follow the theme of a page. All text may
// contain anything; values that are not finite, and not positive on a logarithmic axis, are left out.

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hewn::cli {

/// The colours of a page: each name keeps one, in order of first use. There are eight, which then repeat.
class Palette {
 public:
  size_t of(const std::string& name);

 private:
  std::vector<std::string> names_;
};

struct SvgSeries {
  enum class Form : uint8_t { curve, steps, points };
  std::string name;  ///< its colour and its legend; several series may share one
  std::vector<double> x, y;
  Form form = Form::curve;
  bool dashed = false;
  std::vector<std::string> titles = {};  ///< shown when a point is pointed at; empty: its name and numbers
  std::vector<std::string> labels = {};  ///< written beside points where there is room
  bool hollow = false;                   ///< points are not filled
};

/// A straight line with its name, unless it is dashed, written along it: at the end of a horizontal line, at the beginning of others.
struct SvgLine {
  std::string name;
  std::array<double, 2> x, y;
  bool dashed = false;
};

struct SvgAxes {
  std::string x, y;
  bool log_x = false, log_y = false;
  bool large = false;  ///< as wide as a page, not half of it
};

/// Curves, histograms and points, with a legend if there are several names.
std::string svg_chart(const std::string& title, const std::vector<SvgSeries>& series, const SvgAxes& axes,
                      Palette& palette, const std::vector<SvgLine>& lines = {});

/// A bar from the axis' beginning, or from 0, to its value, with a text behind it and a line for its deviation.
struct SvgBar {
  std::string name, text;
  double value = 0, deviation = 0;
  std::string setting = {};  ///< by which it is coloured
};
struct SvgBarAxis {
  std::string name = {};
  bool from_zero = true;
  std::optional<double> line = {};  ///< dashed, across all bars
  std::string line_name = {};
};
std::string svg_bars(const std::string& title, const std::vector<SvgBar>& bars, Palette& palette,
                     const SvgBarAxis& axis = {});

/// A grid of cells shaded by `shade(row, column)` from -1 (blue) over 0 (empty) to 1 (orange); NaN: no cell.
struct SvgGrid {
  std::string name;
  size_t rows = 0, columns = 0;
  std::function<double(size_t, size_t)> shade;
};
/// Several grids side by side, `across` in a row.
std::string svg_grids(const std::string& title, const std::vector<SvgGrid>& grids, size_t across);
/// A table of texts; the first row is a heading.
std::string svg_table(const std::string& title, const std::vector<std::vector<std::string>>& rows);

/// A drawing as a file of its own, in the colours of the light theme.
std::string svg_file(const std::string& drawing);
/// A drawing as it stands in a page: where it is wider than its place, it scrolls. `attributes` are of its box.
std::string svg_in_page(const std::string& drawing, const std::string& attributes = "");

}  // namespace hewn::cli

#pragma once
// Drawings as SVG. Their parts have the classes of drawing.css, so that they follow the theme of a page.
// Texts may contain any characters. Values that are not finite, or not positive on a logarithmic axis, are
// left out.

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
  std::vector<std::string> titles = {};  ///< shown when hovering over a point; empty: its name and numbers
  std::vector<std::string> labels = {};  ///< labels of points, where there is room
  bool hollow = false;                   ///< points are not filled
};

/// A straight line. Unless dashed, its name is written along it: at the end of a horizontal line, at the
/// beginning of others.
struct SvgLine {
  std::string name;
  std::array<double, 2> x, y;
  bool dashed = false;
};

struct SvgAxes {
  std::string x, y;
  bool log_x = false, log_y = false;
  bool large = false;  ///< full page width instead of half
};

/// Curves, histograms and points, with a legend if there are several names.
std::string svg_chart(const std::string& title, const std::vector<SvgSeries>& series, const SvgAxes& axes,
                      Palette& palette, const std::vector<SvgLine>& lines = {});

/// A bar from the start of the axis, or from 0, to its value, followed by a text, and with a line for its
/// deviation.
struct SvgBar {
  std::string name, text;
  double value = 0, deviation = 0;
  std::string setting = {};  ///< determines its colour
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

/// A drawing as a separate file, in the colours of the light theme.
std::string svg_file(const std::string& drawing);
/// A drawing embedded in a page: it scrolls if wider than its box. `attributes` apply to the box.
std::string svg_in_page(const std::string& drawing, const std::string& attributes = "");

}  // namespace hewn::cli

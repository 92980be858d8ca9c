#pragma once
// Drawings as SVG documents, in the colours of a light page. All text may contain anything; points that are not finite
// are left out.

#include <functional>
#include <string>
#include <vector>

namespace hewn::cli {

struct SvgCurve {
  std::string name;
  std::vector<double> x, y;
  bool dashed = false;
};

struct SvgAxes {
  std::string x, y;
  bool log_y = false;  ///< values that are not positive are left out
};

/// Curves with a legend.
std::string svg_curves(const std::string& title, const std::vector<SvgCurve>& curves, const SvgAxes& axes);
/// Points in groups, each with a shape and colour of its own; `names` are written beside them where there is room.
struct SvgPoints {
  std::string name;
  std::vector<double> x, y;
  std::vector<std::string> names;
};
std::string svg_points(const std::string& title, const std::vector<SvgPoints>& groups, const SvgAxes& axes);
/// Bars with a text at the end of each.
struct SvgBar {
  std::string name, text;
  double value = 0;
};
std::string svg_bars(const std::string& title, const std::vector<SvgBar>& bars);

/// A grid of cells shaded by `shade(row, column)` from -1 (blue) over 0 (white) to 1 (orange); NaN: no cell.
struct SvgGrid {
  std::string name;
  size_t rows = 0, columns = 0;
  std::function<double(size_t, size_t)> shade;
};
/// Several grids side by side, `across` in a row.
std::string svg_grids(const std::string& title, const std::vector<SvgGrid>& grids, size_t across);
/// A table of texts; the first row is a heading.
std::string svg_table(const std::string& title, const std::vector<std::vector<std::string>>& rows);

}  // namespace hewn::cli

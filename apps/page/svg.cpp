#include "apps/page/svg.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "apps/cli/format.h"
#include "apps/page/escape.h"
#include "core/text.h"

namespace hewn::cli {
namespace {

constexpr std::array<const char*, 8> series_colors = {"#1261b5", "#c4450c", "#1a6b35", "#8a1c7c",
                                                      "#7a5c00", "#00697a", "#a3123f", "#4b4f9c"};
constexpr double width = 760, height = 440, left = 76, right = 20, top = 44, bottom = 56, line_height = 18;

std::string short_text(double x) { return number_text(x, 4); }

std::string place_text(double x) { return fixed(x, 2); }

std::string label_at(double x, double y, const std::string& text, const std::string& more = "") {
  return join("<text x=\"", place_text(x), "\" y=\"", place_text(y), "\"", more, ">", inside_html(text),
              "</text>\n");
}

std::string document(double w, double h, const std::string& title, const std::string& body) {
  return join(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", w,
      "\" height=\"", h, "\" viewBox=\"0 0 ", w, " ", h,
      "\" font-family=\"sans-serif\" font-size=\"13\" fill=\"#1b1f24\" role=\"img\">\n<title>",
      inside_html(title), "</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
      label_at(left / 4, 24, title, " font-size=\"16\" font-weight=\"600\""), body, "</svg>\n");
}

/// A range of numbers and its place on the drawing.
struct Range {
  double least = HUGE_VAL, most = -HUGE_VAL, from = 0, to = 1;
  bool log = false;

  bool shows(double v) const { return std::isfinite(v) && (!log || v > 0); }
  void add(double v) {
    if (!shows(v)) return;
    const double u = log ? std::log10(v) : v;
    least = std::min(least, u), most = std::max(most, u);
  }
  void close() {
    if (!(least <= most)) least = 0, most = 1;
    if (least == most) least -= 0.5, most += 0.5;
  }
  double at(double v) const {
    return from + (to - from) * ((log ? std::log10(v) : v) - least) / (most - least);
  }
  // Round numbers, about five of them.
  std::vector<double> ticks() const {
    std::vector<double> all;
    if (log) {
      for (double e = std::ceil(least); e <= most; ++e) all.push_back(std::pow(10, e));
      if (all.size() >= 2) return all;
      return {std::pow(10, least), std::pow(10, most)};
    }
    const double rough = (most - least) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    const double step = power * (rough / power < 1.5   ? 1
                                 : rough / power < 3.5 ? 2
                                 : rough / power < 7.5 ? 5
                                                       : 10);
    for (double t = std::ceil(least / step) * step; t <= most + 1e-9 * step; t += step)
      all.push_back(std::fabs(t) < 1e-9 * step ? 0 : t);
    return all;
  }
};

/// The frame of a drawing with axes.
struct Frame {
  Range x, y;
  std::string axes(const SvgAxes& named) const {
    std::string out = join("<g stroke=\"#c9ced6\">\n");
    for (const double t : x.ticks())
      out += join("<path d=\"M", place_text(x.at(t)), " ", y.to, "V", y.from, "\"/>\n");
    for (const double t : y.ticks())
      out += join("<path d=\"M", x.from, " ", place_text(y.at(t)), "H", x.to, "\"/>\n");
    out += "</g>\n";
    for (const double t : x.ticks())
      out += label_at(x.at(t), y.from + 18, short_text(t), " text-anchor=\"middle\"");
    for (const double t : y.ticks())
      out += label_at(x.from - 8, y.at(t) + 4, short_text(t), " text-anchor=\"end\"");
    out += label_at((x.from + x.to) / 2, y.from + 38, named.x, " text-anchor=\"middle\"");
    return out + label_at(14, y.to - 8, named.y);
  }
};

template <class Sets>
Frame frame_around(const Sets& sets, bool log_y) {
  Frame frame{.x = {.from = left, .to = width - right},
              .y = {.from = height - bottom, .to = top + 12, .log = log_y}};
  for (const auto& set : sets)
    for (size_t i = 0; i < set.x.size(); ++i)
      if (frame.x.shows(set.x[i]) && frame.y.shows(set.y[i])) frame.x.add(set.x[i]), frame.y.add(set.y[i]);
  frame.x.close(), frame.y.close();
  return frame;
}

// Names with a sign of their colour, one below the other.
std::string legend(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size(); ++i) {
    const double y = height + line_height * static_cast<double>(i);
    out += join("<rect x=\"", left, "\" y=\"", place_text(y - 10), "\" width=\"14\" height=\"10\" fill=\"",
                series_colors[i % series_colors.size()], "\"/>\n", label_at(left + 22, y, names[i]));
  }
  return out;
}

double height_with(size_t names) { return height + line_height * static_cast<double>(names); }

// "rgb" of white mixed with blue (negative) or orange.
std::string shade_color(double s) {
  const double a = std::min(1.0, std::fabs(s));
  const std::array<double, 3> full =
      s < 0 ? std::array<double, 3>{18, 97, 181} : std::array<double, 3>{196, 69, 12};
  char text[8];
  const auto mix = [&](size_t i) { return static_cast<unsigned>(std::lround(255 + a * (full[i] - 255))); };
  std::snprintf(text, sizeof text, "#%02x%02x%02x", mix(0) & 0xffU, mix(1) & 0xffU, mix(2) & 0xffU);
  return text;
}

}  // namespace

std::string svg_curves(const std::string& title, const std::vector<SvgCurve>& curves, const SvgAxes& axes) {
  const Frame frame = frame_around(curves, axes.log_y);
  std::string body = frame.axes(axes);
  std::vector<std::string> names;
  for (size_t c = 0; c < curves.size(); ++c) {
    std::string path;
    bool down = false;
    for (size_t i = 0; i < curves[c].x.size(); ++i) {
      if (!frame.x.shows(curves[c].x[i]) || !frame.y.shows(curves[c].y[i])) {
        down = false;
        continue;
      }
      path += join(down ? "L" : "M", place_text(frame.x.at(curves[c].x[i])), " ",
                   place_text(frame.y.at(curves[c].y[i])));
      down = true;
    }
    body += join("<path fill=\"none\" stroke=\"", series_colors[c % series_colors.size()],
                 "\" stroke-width=\"1.8\" stroke-linecap=\"round\"",
                 curves[c].dashed ? " stroke-dasharray=\"6 4\"" : "", " d=\"", path, "\"/>\n");
    names.push_back(curves[c].name);
  }
  return document(width, height_with(names.size()), title, body + legend(names));
}

std::string svg_points(const std::string& title, const std::vector<SvgPoints>& groups, const SvgAxes& axes) {
  const Frame frame = frame_around(groups, axes.log_y);
  std::string body = frame.axes(axes);
  std::vector<std::string> names;
  std::vector<std::array<double, 3>> taken;  // x, y and width of a text
  for (size_t g = 0; g < groups.size(); ++g) {
    names.push_back(groups[g].name);
    for (size_t i = 0; i < groups[g].x.size(); ++i) {
      if (!frame.x.shows(groups[g].x[i]) || !frame.y.shows(groups[g].y[i])) continue;
      const double x = frame.x.at(groups[g].x[i]), y = frame.y.at(groups[g].y[i]);
      body += join("<circle cx=\"", place_text(x), "\" cy=\"", place_text(y), "\" r=\"3\" fill=\"",
                   series_colors[g % series_colors.size()], "\"/>\n");
      const double w = 7.0 * static_cast<double>(groups[g].names[i].size());
      const bool room = std::none_of(taken.begin(), taken.end(), [&](const auto& t) {
        return std::fabs(t[1] - y) < 11 && t[0] < x + w && x < t[0] + t[2];
      });
      if (!room) continue;
      taken.push_back({x, y, w});
      body += label_at(x + 5, y + 4, groups[g].names[i], " font-size=\"11\" font-family=\"monospace\"");
    }
  }
  return document(width, height_with(names.size()), title, body + legend(names));
}

std::string svg_bars(const std::string& title, const std::vector<SvgBar>& bars) {
  double most = 0;
  for (const SvgBar& bar : bars) most = std::max(most, std::isfinite(bar.value) ? std::fabs(bar.value) : 0);
  const double begin = 300, room = 260;
  std::string body;
  for (size_t i = 0; i < bars.size(); ++i) {
    const double y = top + 8 + 20 * static_cast<double>(i);
    const double length =
        most > 0 && std::isfinite(bars[i].value) ? room * std::fabs(bars[i].value) / most : 0;
    body += join(label_at(begin - 8, y + 12, bars[i].name, " text-anchor=\"end\""), "<rect x=\"", begin,
                 "\" y=\"", place_text(y), "\" width=\"", place_text(std::max(1.0, length)),
                 "\" height=\"15\" fill=\"", series_colors[bars[i].value < 0 ? 1 : 0], "\"/>\n",
                 label_at(begin + length + 8, y + 12, bars[i].text));
  }
  return document(width, top + 24 + 20 * static_cast<double>(bars.size()), title, body);
}

std::string svg_grids(const std::string& title, const std::vector<SvgGrid>& grids, size_t across) {
  const double room =
      across > 1 ? std::max(40.0, std::min(220.0, 1200.0 / static_cast<double>(across))) : 520;
  std::string body;
  for (size_t g = 0; g < grids.size(); ++g) {
    const SvgGrid& grid = grids[g];
    const double x0 = 20 + (room + 14) * static_cast<double>(g % across),
                 y0 = top + 20 + (room + 30) * static_cast<double>(g / across);
    const double size = room / static_cast<double>(std::max<size_t>(1, std::max(grid.rows, grid.columns)));
    body += label_at(x0, y0 - 4, grid.name, " font-size=\"11\"");
    body +=
        join("<rect x=\"", place_text(x0), "\" y=\"", place_text(y0), "\" width=\"",
             place_text(size * static_cast<double>(grid.columns)), "\" height=\"",
             place_text(size * static_cast<double>(grid.rows)), "\" fill=\"none\" stroke=\"#c9ced6\"/>\n");
    for (size_t r = 0; r < grid.rows; ++r)
      for (size_t c = 0; c < grid.columns; ++c) {
        const double shade = grid.shade(r, c);
        if (!std::isfinite(shade) || std::fabs(shade) < 1.0 / 255) continue;
        body += join("<rect x=\"", place_text(x0 + size * static_cast<double>(c)), "\" y=\"",
                     place_text(y0 + size * static_cast<double>(r)), "\" width=\"", place_text(size),
                     "\" height=\"", place_text(size), "\" fill=\"", shade_color(shade), "\"/>\n");
      }
  }
  const size_t lines = (grids.size() + across - 1) / across;
  return document(40 + (room + 14) * static_cast<double>(std::min(across, grids.size())),
                  top + 24 + (room + 30) * static_cast<double>(lines), title, body);
}

std::string svg_table(const std::string& title, const std::vector<std::vector<std::string>>& rows) {
  const double cell = 110;
  size_t columns = 0;
  std::string body;
  for (size_t r = 0; r < rows.size(); ++r) {
    columns = std::max(columns, rows[r].size());
    for (size_t c = 0; c < rows[r].size(); ++c)
      body += label_at(20 + cell * static_cast<double>(c), top + 20 + 20 * static_cast<double>(r), rows[r][c],
                       r == 0 ? " font-weight=\"600\" xml:space=\"preserve\""
                              : " font-family=\"monospace\" xml:space=\"preserve\"");
  }
  return document(40 + cell * static_cast<double>(columns), top + 30 + 20 * static_cast<double>(rows.size()),
                  title, body);
}

}  // namespace hewn::cli

#include "apps/page/svg.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/cli/format.h"
#include "apps/page/page.h"
#include "core/text.h"

// Created by CMake from these files: see apps/CMakeLists.txt.
extern "C" const char hewn_page_css[], hewn_page_css_end[];
extern "C" const char hewn_drawing_css[], hewn_drawing_css_end[];

namespace hewn::cli {
namespace {

constexpr size_t colors = 8, most_marked = 60;  // points of a curve that are marked
constexpr double small_width = 540, large_width = 900, top = 44, character = 7.6;

double width_of(const std::string& text) {
  return character * static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) {
           return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
         }));
}

std::string label_at(double x, double y, const std::string& text, const std::string& more = "") {
  return join("<text x='", x, "' y='", y, "'", more, ">", inside_html(text), "</text>\n");
}
constexpr const char *centred = " text-anchor='middle'", *ending = " text-anchor='end'";

std::string path(const std::string& d, const std::string& attributes, const std::string& title = "") {
  return join("<path d='", d, "'", attributes, "><title>", inside_html(title), "</title></path>\n");
}

std::string box(double x, double y, double w, double h, const std::string& more,
                const std::string& title = "") {
  return path(join("M", x, " ", y, "h", w, "v", h, "h", -w, "z"), more, title);
}

std::string document(double w, double h, const std::string& title, const std::string& body, bool large) {
  return join("<svg xmlns='http://www.w3.org/2000/svg' class='drawing", large ? " large" : "", "' width='", w,
              "' height='", h, "' viewBox='0 0 ", w, " ", h, "' role='img' aria-label=\"", inside_html(title),
              "\">\n", label_at(8, 20, title, " class='heading'"), body, "</svg>\n");
}

// Round numbers, about five of them, at least `closest` apart.
std::vector<double> round_numbers(double least, double most, double closest) {
  std::vector<double> all;
  const double rough = (most - least) / 5, power = std::pow(10, std::floor(std::log10(rough)));
  const double digit = rough / power < 1.5 ? 1 : rough / power < 3.5 ? 2 : rough / power < 7.5 ? 5 : 10;
  const double step = std::max(closest, power * digit);
  for (double t = std::ceil(least / step); t * step <= most + 1e-9 * step; ++t) all.push_back(t * step);
  return all;
}

// "2000", "50k", "1.5M", "1.45e-4".
std::string tick_text(double t) {
  if (t != 0 && std::fabs(t) < 1e-3) {
    const double exponent = std::floor(std::log10(std::fabs(t)));
    return join(number_text(t / std::pow(10, exponent)), "e", exponent);
  }
  const char* unit = "";
  for (const char* larger : {"k", "M", "G", "T", "P", "E"})
    if (std::fabs(t) >= (*unit ? 1e3 : 1e4)) t /= 1000, unit = larger;
  return number_text(t) + unit;
}

/// A range of numbers and its place on the drawing.
struct Range {
  double from, to;
  bool log = false;
  double least = HUGE_VAL, most = -HUGE_VAL;
  bool whole = true;  // of whole numbers

  bool shows(double v) const { return std::isfinite(v) && (!log || v > 0); }
  double of(double v) const { return log ? std::log10(v) : v; }
  void add(double v) {
    if (!shows(v)) return;
    least = std::min(least, of(v)), most = std::max(most, of(v));
    whole &= v == std::floor(v);
  }
  // Begins and ends, with this part of the range as a margin.
  void close(double margin) {
    if (!(least <= most)) least = most = 0;
    margin = least < most ? margin * (most - least) : log || least == 0 ? 1 : std::fabs(least) / 10;
    least -= margin, most += margin;
  }
  double at(double v) const {
    return std::round(100 * (from + (to - from) * (of(v) - least) / (most - least))) / 100;
  }
  std::vector<double> ticks() const {
    if (!log) return round_numbers(least, most, whole ? 1 : 0);
    std::vector<double> all;
    for (double e = std::floor(least); e <= most; e += std::ceil((most - least) / 8))
      for (const double digit : {1, 2, 5})
        if (const double t = digit * std::pow(10, e);
            (digit == 1 || most - least < 2.5) && of(t) >= least && of(t) <= most)
          all.push_back(t);
    return all.size() > 1 ? all : round_numbers(std::pow(10, least), std::pow(10, most), whole ? 1 : 0);
  }
};

// The lines and numbers of a horizontal axis below `y`.
std::string x_axis(const Range& x, double top_y, double y, const std::string& name) {
  std::string grid, texts;
  for (const double t : x.ticks()) {
    grid += join("M", x.at(t), " ", top_y, "V", y);
    texts += label_at(x.at(t), y + 18, tick_text(t), centred);
  }
  return path(grid, " class='lines'") + texts + label_at((x.from + x.to) / 2, y + 38, name, centred);
}

std::string color_class(size_t index) { return join("<g class='s", index % colors + 1, "'>\n"); }

// A sign of a point, of a shape by its name's place in the palette.
std::string sign(size_t index, double x, double y, bool hollow, const std::string& title) {
  static const char* const shapes[] = {"m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "m-3.5-3.5h7v7h-7z",
                                       "m0-5l5 5l-5 5l-5-5z", "m0-4.5l4.5 8h-9z"};
  return path(join("M", x, " ", y, shapes[(index + index / colors) % 4]),
              hollow ? " class='line'" : " class='fill'", title);
}

/// A chart: its axes, and its series drawn one after another.
class Chart {
 public:
  Chart(const std::vector<SvgSeries>& series, const SvgAxes& axes, Palette& palette,
        const std::vector<SvgLine>& lines)
      : axes_(axes), palette_(palette), height_(axes.large ? 560 : 340) {
    x_ = {.from = 60, .to = (axes.large ? large_width : small_width) - 16, .log = axes.log_x};
    y_ = {.from = height_ - 52, .to = top + 18, .log = axes.log_y};
    bool points = false;
    for (const SvgSeries& s : series) {
      for (size_t i = 0; i < s.x.size(); ++i) add(s.x[i], s.y[i]);
      if (s.form == SvgSeries::Form::steps) y_.add(0);
      points |= s.form == SvgSeries::Form::points;
      const auto same = [&](const SvgSeries* one) { return one->name == s.name; };
      const auto at = std::find_if(named_.begin(), named_.end(), same);
      if (at == named_.end())
        named_.push_back(&s);
      else
        *at = &s;
    }
    for (const SvgLine& line : lines)
      for (const size_t i : {size_t{0}, size_t{1}}) add(line.x[i], line.y[i]);
    x_.close(points && lines.empty() ? 0.04 : 0), y_.close(0.03);
    body_ = x_axis(x_, y_.to, y_.from, axes.x) + label_at(8, y_.to - 15, axes.y);
    std::string grid;
    for (const double t : y_.ticks()) {
      grid += join("M", x_.from, " ", y_.at(t), "H", x_.to);
      body_ += label_at(x_.from - 7, y_.at(t) + 4, tick_text(t), ending);
    }
    body_ += path(grid, " class='lines'");
    draw_lines(lines);
    for (const SvgSeries& s : series) {
      body_ += color_class(palette_.of(s.name));
      s.form == SvgSeries::Form::points ? draw_points(s) : draw_curve(s);
      body_ += "</g>\n";
    }
    if (named_.size() > 1) draw_legend();
  }

  std::string svg(const std::string& title) const {
    return document(x_.to + 16, height_ + 6, title, body_, axes_.large);
  }

 private:
  bool shows(double x, double y) const { return x_.shows(x) && y_.shows(y); }
  void add(double x, double y) {
    if (shows(x, y)) x_.add(x), y_.add(y);
  }

  std::string title(const SvgSeries& s, size_t i) const {
    if (!s.titles.empty()) return s.titles[i];
    return join(s.name, ", ", axes_.x, " ", number_text(s.x[i]), ": ", number_text(s.y[i]));
  }

  // Beyond eight names, dashes tell those of one colour apart.
  std::string line_style(const SvgSeries& s) const {
    static const char* const dashes[] = {"", " stroke-dasharray='8 3'", " stroke-dasharray='2 3'"};
    if (s.dashed) return " class='line' stroke-dasharray='5 4'";
    return join(" class='line'", dashes[named_.size() > colors ? palette_.of(s.name) / colors % 3 : 0]);
  }

  void draw_curve(const SvgSeries& s) {
    const bool steps = s.form == SvgSeries::Form::steps,
               marked = !steps && s.x.size() <= (s.dashed ? 1 : most_marked);
    std::string line, marks;
    bool gap = true;
    for (size_t i = 0; i < s.x.size(); ++i) {
      const bool begins = std::exchange(gap, !shows(s.x[i], s.y[i]));
      if (gap) continue;
      const double x = x_.at(s.x[i]), y = y_.at(s.y[i]);
      if (steps && !begins)
        line += join("H", (x_.at(s.x[i - 1]) + x) / 2, "V", y, "H", x);
      else
        line += join(begins ? "M" : "L", x, " ", y);
      if (marked) marks += path(join("M", x, " ", y, "h0"), " class='dot'", title(s, i));
    }
    body_ += path(line, line_style(s), s.name) + marks;
  }

  void draw_points(const SvgSeries& s) {
    for (size_t i = 0; i < s.x.size(); ++i) {
      if (!shows(s.x[i], s.y[i])) continue;
      const double x = x_.at(s.x[i]), y = y_.at(s.y[i]);
      body_ += sign(palette_.of(s.name), x, y, s.hollow, title(s, i));
      if (s.labels.empty()) continue;
      const double w = width_of(s.labels[i]);
      if (x + w + 6 > x_.to || std::any_of(taken_.begin(), taken_.end(), [&](const auto& t) {
            return std::fabs(t[1] - y) < 12 && t[0] < x + w && x < t[0] + t[2];
          }))
        continue;
      taken_.push_back({x, y, w});
      body_ += label_at(x + 7, y + 4, s.labels[i], " class='code'");
    }
  }

  // Names that would overlap are left out.
  void draw_lines(const std::vector<SvgLine>& lines) {
    std::vector<std::pair<bool, double>> taken;
    for (const SvgLine& line : lines) {
      const double x = x_.at(line.x[0]), y = y_.at(line.y[0]), x1 = x_.at(line.x[1]), y1 = y_.at(line.y[1]);
      body_ += path(join("M", x, " ", y, "L", x1, " ", y1),
                    line.dashed ? " class='edge' stroke-dasharray='5 4'" : " class='edge'", line.name);
      if (line.dashed || std::any_of(taken.begin(), taken.end(), [&](const auto& t) {
            return t.first == (y == y1) && std::fabs(t.second - y) < 15;
          }))
        continue;
      taken.emplace_back(y == y1, y);
      const double angle = std::atan2(y1 - y, x1 - x) * 180 / std::acos(-1.0);
      body_ +=
          y == y1
              ? label_at(x1 - 6, y - 5, line.name, join(" class='along'", ending))
              : label_at(10, -5, line.name,
                         join(" class='along' transform='translate(", x, " ", y, ") rotate(", angle, ")'"));
    }
  }

  // Names with their signs, in lines below the axis.
  void draw_legend() {
    double x = 12;
    height_ += 6;
    for (const SvgSeries* s : named_) {
      const double w = 46 + width_of(s->name);
      if (x > 12 && x + w > x_.to + 32) x = 12, height_ += 19;
      const size_t index = palette_.of(s->name);
      body_ +=
          color_class(index) + (s->form == SvgSeries::Form::points
                                    ? sign(index, x + 11, height_ - 4, false, s->name)
                                    : path(join("M", x, " ", height_ - 4, "h22"), line_style(*s), s->name));
      body_ += "</g>\n" + label_at(x + 28, height_, s->name);
      x += w;
    }
    height_ += 6;
  }

  const SvgAxes& axes_;
  Palette& palette_;
  double height_;
  Range x_{}, y_{};
  std::string body_;
  std::vector<const SvgSeries*> named_;       // the last series of each name
  std::vector<std::array<double, 3>> taken_;  // x, y and width of a label
};

// The value of a variable in the light theme, which comes first.
std::string_view light_value(const std::string& variable) {
  const std::string_view css(hewn_page_css, hewn_page_css_end);
  const size_t at = css.find(variable + ": ") + variable.size() + 2;
  return css.substr(at, css.find_first_of("; }", at) - at);
}

}  // namespace

size_t Palette::of(const std::string& name) {
  const auto at = std::find(names_.begin(), names_.end(), name);
  const auto index = static_cast<size_t>(at - names_.begin());
  if (at == names_.end()) names_.push_back(name);
  return index;
}

std::string svg_chart(const std::string& title, const std::vector<SvgSeries>& series, const SvgAxes& axes,
                      Palette& palette, const std::vector<SvgLine>& lines) {
  return Chart(series, axes, palette, lines).svg(title);
}

std::string svg_bars(const std::string& title, const std::vector<SvgBar>& bars, Palette& palette,
                     const SvgBarAxis& axis) {
  const double begin = top + 8, bottom = begin + 24 * static_cast<double>(bars.size());
  double names = 0, texts = 0;
  for (const SvgBar& bar : bars)
    names = std::max(names, width_of(bar.name)), texts = std::max(texts, width_of(bar.text));
  names = std::min(names, 0.45 * large_width);
  Range x{.from = names + 22, .to = large_width - texts - 22};
  for (const SvgBar& bar : bars) x.add(bar.value - bar.deviation), x.add(bar.value + bar.deviation);
  if (axis.line) x.add(*axis.line);
  if (axis.from_zero) x.add(0);
  x.close(0);
  if (!axis.from_zero) x.least -= 0.1 * (x.most - x.least);
  const double base = axis.from_zero ? x.at(0) : x.from;
  std::string body = x_axis(x, begin - 4, bottom, axis.name);
  double y = begin - 24;
  for (const SvgBar& bar : bars) {
    y += 24;
    std::string name = bar.name;
    if (width_of(name) > names) name = name.substr(0, static_cast<size_t>(names / character) - 1) + "…";
    body += label_at(x.from - 8, y + 13, name, ending);
    if (!std::isfinite(bar.value)) continue;
    const double at = x.at(bar.value), least = x.at(bar.value - bar.deviation),
                 most = x.at(bar.value + bar.deviation);
    body += color_class(palette.of(bar.setting)) +
            box(std::min(base, at), y, std::max(1.0, std::fabs(at - base)), 16, " class='fill'",
                join(bar.name, ": ", bar.text)) +
            "</g>\n" + label_at(std::max(base, most) + 6, y + 13, bar.text);
    if (bar.deviation > 0)
      body +=
          path(join("M", least, " ", y + 8, "H", most, "M", least, " ", y + 4, "v8M", most, " ", y + 4, "v8"),
               " class='ink'");
  }
  if (axis.line)
    body += path(join("M", x.at(*axis.line), " ", begin - 4, "V", bottom),
                 " class='ink' stroke-dasharray='5 4'") +
            label_at(x.at(*axis.line), begin - 8, axis.line_name, centred);
  return document(large_width, bottom + 50, title, body, true);
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
    const auto cells = [&](size_t n) { return size * static_cast<double>(n); };
    body += label_at(x0, y0 - 4, grid.name) +
            box(x0, y0, cells(grid.columns), cells(grid.rows), " class='lines'");
    for (size_t r = 0; r < grid.rows; ++r)
      for (size_t c = 0; c < grid.columns; ++c)
        if (const double shade = grid.shade(r, c); std::fabs(shade) >= 1.0 / 255)
          body += join("<rect x='", x0 + cells(c), "' y='", y0 + cells(r), "' width='", size, "' height='",
                       size, "' class='fill ", shade < 0 ? "negative" : "positive", "' fill-opacity='",
                       fixed(std::min(1.0, std::fabs(shade)), 3), "'/>\n");
  }
  const size_t lines = (grids.size() + across - 1) / across;
  return document(40 + (room + 14) * static_cast<double>(std::min(across, grids.size())),
                  top + 24 + (room + 30) * static_cast<double>(lines), title, body, true);
}

std::string svg_table(const std::string& title, const std::vector<std::vector<std::string>>& rows) {
  const double cell = 120;
  size_t columns = 0;
  std::string body;
  for (size_t r = 0; r < rows.size(); ++r) {
    columns = std::max(columns, rows[r].size());
    for (size_t c = 0; c < rows[r].size(); ++c)
      body += label_at(
          20 + cell * static_cast<double>(c), top + 20 + 20 * static_cast<double>(r), rows[r][c],
          r == 0 ? " font-weight=\"600\" xml:space=\"preserve\"" : " class=\"code\" xml:space=\"preserve\"");
  }
  return document(40 + cell * static_cast<double>(columns), top + 30 + 20 * static_cast<double>(rows.size()),
                  title, body, true);
}

std::string svg_file(const std::string& drawing) {
  std::string style(hewn_drawing_css, hewn_drawing_css_end);
  for (size_t at = 0; (at = style.find("var(--")) != style.npos;) {
    const size_t end = style.find(')', at);
    style.replace(at, end + 1 - at, light_value(style.substr(at + 4, end - at - 4)));
  }
  const size_t head = drawing.find('\n') + 1;
  return join("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", drawing.substr(0, head), "<style>\n", style,
              "</style>\n<rect width='100%' height='100%' class='ground'/>\n", drawing.substr(head));
}

std::string svg_in_page(const std::string& drawing, const std::string& attributes) {
  return join("<div class=\"wide\" tabindex=\"0\"", attributes, ">", drawing, "</div>\n");
}

}  // namespace hewn::cli

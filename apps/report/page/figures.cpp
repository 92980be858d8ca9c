#include "apps/report/page/figures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "apps/cli/format.h"
#include "apps/page/svg.h"
#include "core/text.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

bool has_row(const Json& run, const char* row) { return run.contains(row) && !run[row].contains("missing"); }

std::vector<double> drawn_numbers(const Json& values) {
  std::vector<double> out;
  for (const Json& v : values) out.push_back(v.is_number() ? v.get<double>() : std::nan(""));
  return out;
}

double drawn_number(const Json& value) { return value.is_number() ? value.get<double>() : std::nan(""); }

std::string drawn_text_of(const Json& value) { return number_text(drawn_number(value), 3); }

// A token as a visible text of at most 12 characters.
std::string visible(const Json& token) {
  std::string out;
  size_t characters = 0;
  for (const char c : token.at("text").get<std::string>()) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0U) != 0x80U && ++characters > 12) break;
    if (c == '\n')
      out += "⏎";
    else if (c == ' ')
      out += "␣";
    else if (byte < 0x20 || byte == 0x7f)
      out += "·";
    else
      out += c;
  }
  return out;
}

/// The drawings so far, in the colours of one page.
struct Figures {
  Palette palette = {};
  size_t run = 0;
  std::vector<Figure> list = {};

  void add(const char* picture, std::string name, std::string svg, bool of_all = false) {
    for (char& c : name)  // of a file
      if (c != '-' && !std::isalnum(static_cast<unsigned char>(c))) c = '_';
    list.push_back({picture, name, std::move(svg), run, of_all});
  }
  void add_chart(const char* picture, const std::string& name, const std::string& title,
                 const std::vector<SvgSeries>& series, const SvgAxes& axes, bool of_all = false) {
    add(picture, name, svg_chart(title, series, axes, palette), of_all);
  }
};

SvgSeries curve_of(const std::string& name, const Json& series) {
  return {.name = name, .x = drawn_numbers(series.at("steps")), .y = drawn_numbers(series.at("values"))};
}

void add_losses(Figures& figures, const Json& runs) {
  std::vector<SvgSeries> losses, floors;
  std::map<std::string, std::vector<SvgSeries>> others;
  const bool several = runs.size() > 1;
  double most = 1;
  for (const Json& run : runs) {
    if (!has_row(run, "losses")) continue;
    const Json& row = run["losses"];
    const auto name = run.at("name").get<std::string>();
    for (const auto& [key, series] : row.at("series").items()) {
      const bool loss = key == "loss" || key == "val_loss";
      SvgSeries curve = curve_of(several || !loss ? name : key, series);
      curve.dashed = several && key == "loss";
      for (const double x : curve.x) most = std::max(most, x);
      (loss ? losses : others[key]).push_back(std::move(curve));
    }
    for (const auto& [key, text] :
         {std::pair{"uniform", row.value("of_uniform", "")}, {"bigram", "bigrams"}, {"floor", "exact −log P"}})
      if (row.contains(key)) {
        const double y = drawn_number(row[key]);
        floors.push_back(
            {.name = join(text, ", ", number_text(y, 5)), .x = {0, 0}, .y = {y, y}, .dashed = true});
      }
  }
  if (losses.empty()) return;
  for (SvgSeries& floor : floors) {
    floor.x[1] = most;
    losses.push_back(std::move(floor));
  }
  figures.add_chart("losses", "losses", several ? "Losses of validation and (dashed) of training" : "Losses",
                    losses, {.x = "step", .y = "nats per target", .large = true}, true);
  for (const auto& [key, curves] : others)
    figures.add_chart("losses", key, key, curves, {.x = "step", .y = key}, true);
}

void add_schedule(Figures& figures, const Json& runs) {
  for (const auto& [name, title] : {std::pair{"learning_rate", "Learning rate"},
                                    {"grad_norm", "Gradient norm, before clipping"},
                                    {"clip_factor", "Clip factor"},
                                    {"tokens_per_s", "Tokens per second"}}) {
    std::vector<SvgSeries> curves;
    for (const Json& run : runs)
      if (has_row(run, "schedule") && run["schedule"].contains(name))
        curves.push_back(curve_of(run.at("name").get<std::string>(), run["schedule"][name]));
    if (!curves.empty()) figures.add_chart("schedule", name, title, curves, {.x = "step", .y = name}, true);
  }
}

void add_depth(Figures& figures, const Json& depth) {
  for (const auto& [name, row] : depth.items()) {
    std::vector<SvgSeries> curves;
    for (const Json& part : row.at("parts")) {
      SvgSeries curve{.name = part.get<std::string>(), .x = drawn_numbers(row.at("steps")), .y = {}};
      for (const Json& values : row.at("values")) curve.y.push_back(drawn_number(values.at(curves.size())));
      curves.push_back(std::move(curve));
    }
    figures.add_chart("depth", name, name + " by part of the model", curves,
                      {.x = "step", .y = name, .log_y = true});
  }
}

// The little-endian 16-bit numbers that base64 text holds.
std::vector<uint16_t> numbers_in(const std::string& text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<uint16_t> out;
  uint32_t word = 0, bits = 0, low = 0;
  bool second = false;
  for (const char c : text) {
    const size_t digit = digits.find(c);
    if (digit == digits.npos) continue;
    word = word << 6U | static_cast<uint32_t>(digit);
    if ((bits += 6) < 8) continue;
    const uint32_t byte = word >> (bits -= 8) & 0xffU;
    if (second) out.push_back(static_cast<uint16_t>(low | byte << 8U));
    low = byte, second = !second;
  }
  return out;
}

void add_attention(Figures& figures, const Json& row) {
  const size_t T = row.at("tokens").size(), heads = row.at("heads").get<size_t>(),
               layers = row.at("layers").get<size_t>();
  const std::vector<uint16_t> weights = numbers_in(row.at("weights").get<std::string>());
  std::vector<SvgGrid> grids;
  for (size_t l = 0; l < layers; ++l)
    for (size_t h = 0; h < heads; ++h) {
      const size_t begin = (l * heads + h) * T * (T + 1) / 2;
      grids.push_back({join("layer ", l, ", head ", h), T, T, [&weights, begin](size_t i, size_t j) {
                         return j > i ? std::nan("")
                                      : -std::sqrt(weights.at(begin + i * (i + 1) / 2 + j) / 65535.0);
                       }});
    }
  figures.add("", "attention", svg_grids("Attention: queries down, keys across", grids, heads));
}

void add_planes(Figures& figures, const Json& row) {
  for (const char* name : {"pca", "tsne"}) {
    const Json& plane = row.at(name);
    if (plane.contains("missing")) continue;
    std::vector<SvgSeries> points;
    for (size_t i = 0; i < row.at("tokens").size(); ++i) {
      const std::string token = visible(row["tokens"][i]);
      const double x = drawn_number(plane.at("x").at(i)), y = drawn_number(plane.at("y").at(i));
      points.push_back({.name = row["tokens"][i].at("kind").get<std::string>(),
                        .x = {x},
                        .y = {y},
                        .form = SvgSeries::Form::points,
                        .titles = {join(token, " (", number_text(x, 3), ", ", number_text(y, 3), ")")},
                        .labels = {token}});
    }
    if (!plane.contains("explained")) {
      figures.add_chart("embeddings", "embeddings-tsne",
                        join("t-SNE, perplexity ", drawn_text_of(plane.at("perplexity")), ", divergence ",
                             drawn_text_of(plane.at("divergence")), " nats"),
                        points, {.x = "no unit", .y = "no unit"});
      continue;
    }
    const std::vector<double> explained = drawn_numbers(plane["explained"]);
    const auto component = [&](const char* which, size_t i) {
      return join(
          which, " component",
          i < explained.size() ? join(", ", number_text(100 * explained[i], 3), "% of the variance") : "");
    };
    figures.add_chart("embeddings", "embeddings-pca", "Principal components", points,
                      {.x = component("first", 0), .y = component("second", 1)});
  }
}

void add_positions(Figures& figures, const Json& row) {
  const Json& similarity = row.at("similarity");
  const SvgGrid grid{"", similarity.size(), similarity.size(),
                     [&](size_t r, size_t c) { return drawn_number(similarity.at(r).at(c)); }};
  figures.add("", "positions", svg_grids("Similarity of positions", {grid}, 1));
}

void add_activations(Figures& figures, const Json& row) {
  for (const char* side : {"before", "after"}) {
    std::vector<SvgSeries> curves;
    for (const Json& layer : row.at("layers")) {
      const Json& histogram = layer.at(side);
      const double from = drawn_number(histogram.at("from")), to = drawn_number(histogram.at("to"));
      SvgSeries curve{.name = join("layer ", curves.size()),
                      .x = {},
                      .y = drawn_numbers(histogram.at("counts")),
                      .form = SvgSeries::Form::steps};
      const double width = (to - from) / static_cast<double>(curve.y.size());
      for (double x = from + width / 2; curve.x.size() < curve.y.size(); x += width) curve.x.push_back(x);
      curves.push_back(std::move(curve));
    }
    figures.add_chart("activations", join("activations-", side),
                      join("Elements ", side, " ", row.at("act").get<std::string>()), curves,
                      {.x = "value", .y = "elements"});
  }
}

void add_lens(Figures& figures, const Json& lens) {
  std::vector<std::vector<std::string>> rows{{""}};
  for (const Json& token : lens.at("tokens")) rows[0].push_back(visible(token));
  for (const Json& depth : lens.at("depths")) {
    std::vector<std::string> row{depth.at("after").get<std::string>()};
    for (const Json& cell : depth.at("cells"))
      row.push_back(visible(cell.at("top").at(0)) + " " + fixed(drawn_number(cell["top"][0].at("share")), 2));
    rows.push_back(std::move(row));
  }
  figures.add("", "lens", svg_table("Logit lens: the likeliest next token after each block", rows));
}

void add_gradient(Figures& figures, const Json& row) {
  std::vector<SvgBar> bars;
  for (const char* side : {"up", "down"})
    for (const Json& token : row.at(side))
      bars.push_back({.name = visible(token),
                      .text = drawn_text_of(token.at("share")),
                      .value = drawn_number(token["share"]),
                      .setting = side});
  figures.add("", "gradient",
              svg_bars("Logits pushed up and down by a step of the head", bars, figures.palette));
}

void add_kernels(Figures& figures, const Json& row) {
  std::vector<SvgBar> bars;
  for (const Json& k : row.at("kernels"))
    bars.push_back(
        {.name = join(k.value("scope", ""), " ", k.value("op", ""), ", ", k.value("phase", "")),
         .text = join(drawn_text_of(k.at("ms")), " ms, ", drawn_text_of(k.at("roof_percent")), "% of roofline"),
         .value = drawn_number(k["ms"]),
         .setting = k.value("phase", "")});
  figures.add("profile", "profile", svg_bars("Kernels of a step", bars, figures.palette, {.name = "ms"}));
}

void add_memory(Figures& figures, const Json& row) {
  SvgSeries forward{.name = "forward", .x = {}, .y = {}}, backward{.name = "backward", .x = {}, .y = {}};
  for (const double bytes : drawn_numbers(row.at("bytes"))) {
    const size_t event = forward.x.size() + backward.x.size();
    SvgSeries& part = event < row.at("recorded").get<size_t>() ? forward : backward;
    part.x.push_back(static_cast<double>(event)), part.y.push_back(bytes);
  }
  figures.add_chart("memory", "memory", "Bytes in use as nodes are recorded and freed", {forward, backward},
                    {.x = "event", .y = "bytes"});
}

// Scores of a judge in ten equal parts.
void add_scores(Figures& figures, const Json& row) {
  if (!row.contains("scores")) return;
  std::array<int, 10> counts{};
  for (const double score : drawn_numbers(row["scores"].at("scores")))
    ++counts[static_cast<size_t>(std::clamp(std::floor(score / 10), 0.0, 9.0))];
  std::vector<SvgBar> bars;
  for (size_t i = 0; i < counts.size(); ++i)
    bars.push_back({.name = join(10 * i, " to ", 10 * i + 10),
                    .text = std::to_string(counts[i]),
                    .value = static_cast<double>(counts[i]),
                    .setting = "scores"});
  figures.add("results", "scores", svg_bars("Scores of a judge", bars, figures.palette, {.name = "texts"}));
}

using Add = void (*)(Figures&, const Json&);

constexpr std::pair<const char*, Add> pictures[] = {
    {"depth", add_depth},         {"attention", add_attention},     {"embeddings", add_planes},
    {"positions", add_positions}, {"activations", add_activations}, {"lens", add_lens},
    {"gradient", add_gradient},   {"profile", add_kernels},         {"memory", add_memory},
    {"results", add_scores}};

// A file of another form than expected must not hide the other pictures.
void attempt(Add add, Figures& figures, const Json& row) {
  try {
    add(figures, row);
  } catch (const Json::exception&) {
  }
}

}  // namespace

std::vector<Figure> report_figures(const Json& report) {
  Figures figures;
  const Json& runs = report.at("runs");
  attempt(add_losses, figures, runs);
  attempt(add_schedule, figures, runs);
  for (; figures.run < runs.size(); ++figures.run)
    for (const auto& [picture, add] : pictures)
      if (has_row(runs[figures.run], picture)) attempt(add, figures, runs[figures.run][picture]);
  return std::move(figures.list);
}

}  // namespace hewn::cli

#include "apps/report/page/figures.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

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

SvgCurve curve_of(const std::string& name, const Json& series) {
  return {.name = name, .x = drawn_numbers(series.at("steps")), .y = drawn_numbers(series.at("values"))};
}

void add_losses(std::vector<Figure>& figures, const Json& report) {
  std::vector<SvgCurve> curves;
  double most = 1;
  for (const Json& run : report.at("runs")) {
    if (!has_row(run, "losses")) continue;
    for (const char* name : {"loss", "val_loss"}) {
      const Json& series = run["losses"].at("series");
      if (!series.contains(name)) continue;
      curves.push_back(curve_of(join(run.at("name").get<std::string>(), ": ", name), series[name]));
      for (const double x : curves.back().x) most = std::max(most, x);
    }
  }
  if (curves.empty()) return;
  for (const Json& run : report["runs"]) {
    if (!has_row(run, "losses")) continue;
    for (const char* name : {"uniform", "bigram", "floor"})
      if (run["losses"].contains(name)) {
        const double y = drawn_number(run["losses"][name]);
        const std::string text = name == std::string("uniform")
                                     ? run["losses"].at("of_uniform").get<std::string>()
                                     : std::string(name);
        curves.push_back({.name = join(text, ", ", y), .x = {0, most}, .y = {y, y}, .dashed = true});
      }
    break;
  }
  figures.push_back({"losses", svg_curves("Losses", curves, {.x = "step", .y = "nats per target"})});
}

void add_schedule(std::vector<Figure>& figures, const Json& report) {
  for (const char* name : {"learning_rate", "grad_norm", "clip_factor", "tokens_per_s"}) {
    std::vector<SvgCurve> curves;
    for (const Json& run : report.at("runs"))
      if (has_row(run, "schedule") && run["schedule"].contains(name))
        curves.push_back(curve_of(run.at("name").get<std::string>(), run["schedule"][name]));
    if (!curves.empty()) figures.push_back({name, svg_curves(name, curves, {.x = "step", .y = name})});
  }
}

void add_depth(std::vector<Figure>& figures, const Json& run) {
  if (!has_row(run, "depth")) return;
  for (const auto& [name, row] : run["depth"].items()) {
    std::vector<SvgCurve> curves;
    for (size_t p = 0; p < row.at("parts").size(); ++p) {
      SvgCurve curve{
          .name = row["parts"][p].get<std::string>(), .x = drawn_numbers(row.at("steps")), .y = {}};
      for (const Json& values : row.at("values")) curve.y.push_back(drawn_number(values.at(p)));
      curves.push_back(std::move(curve));
    }
    figures.push_back(
        {name, svg_curves(name + " by part of the model", curves, {.x = "step", .y = name, .log_y = true})});
  }
}

// The little-endian 16-bit numbers that base64 text holds.
std::vector<uint16_t> numbers_in(const std::string& text) {
  std::vector<uint16_t> out;
  std::string bytes;
  uint32_t word = 0;
  int bits = 0;
  for (const char c : text) {
    const int v = c >= 'A' && c <= 'Z'   ? c - 'A'
                  : c >= 'a' && c <= 'z' ? c - 'a' + 26
                  : c >= '0' && c <= '9' ? c - '0' + 52
                  : c == '+'             ? 62
                  : c == '/'             ? 63
                                         : -1;
    if (v < 0) continue;
    word = word << 6U | static_cast<uint32_t>(v);
    if ((bits += 6) >= 8) bits -= 8, bytes += static_cast<char>(word >> static_cast<unsigned>(bits) & 0xffU);
  }
  for (size_t i = 0; i + 1 < bytes.size(); i += 2)
    out.push_back(
        static_cast<uint16_t>(static_cast<unsigned char>(bytes[i]) |
                              static_cast<unsigned>(static_cast<unsigned char>(bytes[i + 1])) << 8U));
  return out;
}

void add_attention(std::vector<Figure>& figures, const Json& run) {
  if (!has_row(run, "attention")) return;
  const Json& row = run["attention"];
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
  figures.push_back({"attention", svg_grids("Attention: queries down, keys across", grids, heads)});
}

void add_planes(std::vector<Figure>& figures, const Json& run) {
  if (!has_row(run, "embeddings")) return;
  const Json& row = run["embeddings"];
  for (const char* name : {"pca", "tsne"}) {
    if (row.at(name).contains("missing")) continue;
    std::vector<SvgPoints> groups;
    for (size_t i = 0; i < row.at("tokens").size(); ++i) {
      const auto kind = row["tokens"][i].at("kind").get<std::string>();
      auto group =
          std::find_if(groups.begin(), groups.end(), [&](const SvgPoints& g) { return g.name == kind; });
      if (group == groups.end())
        group = groups.insert(groups.end(), {.name = kind, .x = {}, .y = {}, .names = {}});
      group->x.push_back(drawn_number(row[name].at("x").at(i)));
      group->y.push_back(drawn_number(row[name].at("y").at(i)));
      group->names.push_back(visible(row["tokens"][i]));
    }
    figures.push_back({join("embeddings-", name),
                       svg_points(join("Embeddings of tokens, ", name), groups, {.x = "", .y = ""})});
  }
}

void add_positions(std::vector<Figure>& figures, const Json& run) {
  if (!has_row(run, "positions")) return;
  const Json& similarity = run["positions"].at("similarity");
  const SvgGrid grid{"", similarity.size(), similarity.size(),
                     [&](size_t r, size_t c) { return drawn_number(similarity.at(r).at(c)); }};
  figures.push_back({"positions", svg_grids("Similarity of positions", {grid}, 1)});
}

void add_activations(std::vector<Figure>& figures, const Json& run) {
  if (!has_row(run, "activations")) return;
  const Json& layers = run["activations"].at("layers");
  for (const char* side : {"before", "after"}) {
    std::vector<SvgCurve> curves;
    for (size_t l = 0; l < layers.size(); ++l) {
      const Json& histogram = layers[l].at(side);
      const double from = drawn_number(histogram.at("from")), to = drawn_number(histogram.at("to"));
      SvgCurve curve{.name = join("layer ", l), .x = {}, .y = drawn_numbers(histogram.at("counts"))};
      for (size_t i = 0; i < curve.y.size(); ++i)
        curve.x.push_back(from +
                          (static_cast<double>(i) + 0.5) * (to - from) / static_cast<double>(curve.y.size()));
      curves.push_back(std::move(curve));
    }
    figures.push_back({join("activations-", side), svg_curves(join("Elements ", side, " the activation"),
                                                              curves, {.x = "value", .y = "elements"})});
  }
}

void add_lens(std::vector<Figure>& figures, const Json& run) {
  if (has_row(run, "lens")) {
    std::vector<std::vector<std::string>> rows{{""}};
    for (const Json& token : run["lens"].at("tokens")) rows[0].push_back(visible(token));
    for (const Json& depth : run["lens"].at("depths")) {
      std::vector<std::string> row{depth.at("after").get<std::string>()};
      for (const Json& cell : depth.at("cells"))
        row.push_back(visible(cell.at("top").at(0)) + " " +
                      fixed(drawn_number(cell["top"][0].at("share")), 2));
      rows.push_back(std::move(row));
    }
    figures.push_back({"lens", svg_table("Logit lens: the likeliest next token after each block", rows)});
  }
  if (!has_row(run, "gradient")) return;
  std::vector<SvgBar> bars;
  for (const char* side : {"up", "down"})
    for (const Json& token : run["gradient"].at(side))
      bars.push_back({.name = visible(token),
                      .text = drawn_text_of(token.at("share")),
                      .value = drawn_number(token["share"])});
  figures.push_back({"gradient", svg_bars("Logits pushed up and down by a step of the head", bars)});
}

void add_kernels(std::vector<Figure>& figures, const Json& run) {
  if (has_row(run, "profile")) {
    std::vector<SvgBar> bars;
    for (const Json& k : run["profile"].at("kernels"))
      bars.push_back(
          {.name = join(k.value("scope", ""), " ", k.value("op", ""), ", ", k.value("phase", "")),
           .text = join(drawn_text_of(k.at("ms")), " ms, ", drawn_text_of(k.at("roof_percent")), "% of roof"),
           .value = drawn_number(k["ms"])});
    figures.push_back({"profile", svg_bars("Kernels of a step", bars)});
  }
  if (!has_row(run, "memory")) return;
  SvgCurve curve{.name = "bytes in use", .x = {}, .y = drawn_numbers(run["memory"].at("bytes"))};
  for (size_t i = 0; i < curve.y.size(); ++i) curve.x.push_back(static_cast<double>(i));
  figures.push_back({"memory", svg_curves("Memory of a pass", {curve}, {.x = "event", .y = "bytes"})});
}

}  // namespace

std::vector<Figure> report_figures(const Json& report) {
  std::vector<Figure> figures;
  const Json& run = report.at("runs").at(0);
  add_losses(figures, report);
  add_schedule(figures, report);
  add_depth(figures, run);
  add_attention(figures, run);
  add_planes(figures, run);
  add_positions(figures, run);
  add_activations(figures, run);
  add_lens(figures, run);
  add_kernels(figures, run);
  return figures;
}

}  // namespace hewn::cli

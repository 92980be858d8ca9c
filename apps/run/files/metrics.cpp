#include "apps/run/files/metrics.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/io/line_file.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

void add_parts(PartSeries& series, int64_t step, const Json& numbers) {
  std::vector<double> row(series.parts.size(), std::nan(""));
  for (const auto& [part, value] : numbers.items()) {
    if (!value.is_number()) continue;
    const auto at = std::find(series.parts.begin(), series.parts.end(), part);
    const auto column = static_cast<size_t>(at - series.parts.begin());
    if (at == series.parts.end()) {
      series.parts.push_back(part);
      for (auto& earlier : series.values) earlier.push_back(std::nan(""));
      row.push_back(std::nan(""));
    }
    row[column] = value.get<double>();
  }
  series.steps.push_back(step);
  series.values.push_back(std::move(row));
}

}  // namespace

const Series& Metrics::of(const std::string& name) const {
  static const Series none;
  const auto at = numbers.find(name);
  return at == numbers.end() ? none : at->second;
}

Metrics read_metrics(const std::string& path) {
  Metrics metrics;
  for (const std::string& line : complete_lines(path)) {
    ++metrics.lines;
    const Json entry = Json::parse(line, nullptr, false);
    if (!entry.is_object() || !entry.contains("step") || !entry["step"].is_number_integer()) {
      ++metrics.unreadable;
      continue;
    }
    const auto step = entry["step"].get<int64_t>();
    for (const auto& [name, value] : entry.items()) {
      if (name == "step") continue;
      if (value.is_null()) ++metrics.not_finite;
      if (value.is_object()) add_parts(metrics.parts[name], step, value);
      if (!value.is_number()) continue;
      metrics.numbers[name].steps.push_back(step);
      metrics.numbers[name].values.push_back(value.get<double>());
    }
  }
  return metrics;
}

}  // namespace hewn::cli

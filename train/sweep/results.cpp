#include "train/sweep/results.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"

namespace hewn {
namespace {

void put(Json& out, const char* name, const std::optional<double>& value) {
  if (value && std::isfinite(*value)) out[name] = *value;
}

std::optional<double> number_if_there(const Json& in, const char* name) {
  if (!in.contains(name)) return std::nullopt;  // JSON has no NaN; such a loss is left out
  return in.at(name).get<double>();
}

// A number with a fraction or out of range has no value as an integer.
template <class T>
void take_integer(const Json& in, const char* name, T& value) {
  if (!in.at(name).is_number_integer())
    fail(ErrorCode::input, "not a result of a sweep: \"", name, "\" is not a whole number");
  in.at(name).get_to(value);
}

}  // namespace

std::string to_json(const SweepResult& r) {
  Json grid = Json::object();
  for (const auto& [key, value] : r.grid) grid[key] = value;
  Json out{{"run", r.name},
           {"grid", grid},
           {"seed", r.seed},
           {"parameters", r.parameters},
           {"flops", r.flops},
           {"steps", r.steps},
           {"tokens", r.tokens},
           {"seconds", r.seconds},
           {"tokens_per_s", r.tokens_per_s()}};
  put(out, "val_loss", r.val_loss);
  put(out, "best_val_loss", r.best_val_loss);
  if (r.best_val_loss) out["best_step"] = r.best_step;
  put(out, "loss", r.loss);
  put(out, "bits_per_byte", r.bits_per_byte);
  put(out, "floor", r.floor);
  for (const auto& [part, norm] : r.grad_norms) out["grad_norms"][part] = norm;
  out["weights_bytes"] = r.weights_bytes;
  out["weights_checksum"] = r.weights_checksum;
  out["data_hash"] = r.data_hash;
  return exact_json_text(out);
}

SweepResult sweep_result_from_json(const std::string& line) {
  SweepResult r;
  try {
    const Json in = parse_ordered_json(line);
    in.at("run").get_to(r.name);
    for (const auto& [key, value] : in.at("grid").items()) r.grid.emplace_back(key, value.get<std::string>());
    take_integer(in, "seed", r.seed);
    take_integer(in, "parameters", r.parameters);
    in.at("flops").get_to(r.flops);
    take_integer(in, "steps", r.steps);
    take_integer(in, "tokens", r.tokens);
    in.at("seconds").get_to(r.seconds);
    r.val_loss = number_if_there(in, "val_loss");
    r.best_val_loss = number_if_there(in, "best_val_loss");
    if (r.best_val_loss) take_integer(in, "best_step", r.best_step);
    r.loss = number_if_there(in, "loss");
    r.bits_per_byte = number_if_there(in, "bits_per_byte");
    r.floor = number_if_there(in, "floor");
    if (in.contains("grad_norms"))
      for (const auto& [part, norm] : in.at("grad_norms").items())
        r.grad_norms.emplace_back(part, norm.get<double>());
    take_integer(in, "weights_bytes", r.weights_bytes);
    in.at("weights_checksum").get_to(r.weights_checksum);
    in.at("data_hash").get_to(r.data_hash);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::input, "not a result of a sweep: ", json_reason(error));
  }
  return r;
}

MeanDeviation mean_deviation(const std::vector<double>& values) {
  require(!values.empty(), "mean of no values");
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double x : values) sum += x;
  const double mean = sum / n;
  for (const double x : values) squares += (x - mean) * (x - mean);
  if (values.size() < 2) return {mean, std::nullopt};
  return {mean, std::sqrt(squares / (n - 1))};
}

namespace {

std::vector<double> block_norms(const std::vector<const SweepResult*>& runs) {
  std::vector<double> sums;
  for (const SweepResult* r : runs) {
    std::vector<double> norms;
    for (const auto& [part, norm] : r->grad_norms)
      if (part.starts_with("h.")) norms.push_back(norm);
    if (norms.empty()) return {};
    sums.resize(norms.size());  // all runs of a combination have equally many blocks
    for (size_t i = 0; i < norms.size(); ++i) sums[i] += norms[i];
  }
  for (double& sum : sums) sum /= static_cast<double>(runs.size());
  return sums;
}

RankedCombination summed_up(const std::vector<const SweepResult*>& runs) {
  RankedCombination c{.grid = runs[0]->grid, .runs = static_cast<int64_t>(runs.size())};
  const auto n = static_cast<double>(runs.size());
  std::vector<double> losses, bits;
  for (const SweepResult* r : runs) {
    if (r->ranked_loss()) losses.push_back(*r->ranked_loss());
    if (r->bits_per_byte) bits.push_back(*r->bits_per_byte);
    c.flops += r->flops / n;
    c.seconds += r->seconds / n;
    c.tokens_per_s += r->tokens_per_s() / n;
  }
  c.parameters = runs[0]->parameters;
  c.weights_bytes = runs[0]->weights_bytes;
  c.floor = runs[0]->floor;
  c.block_norms = block_norms(runs);
  if (losses.size() == runs.size()) c.loss = mean_deviation(losses);
  if (bits.size() == runs.size()) c.bits_per_byte = mean_deviation(bits).mean;
  return c;
}

}  // namespace

std::vector<RankedCombination> rank(const std::vector<SweepResult>& results) {
  std::vector<std::vector<const SweepResult*>> groups;
  for (const SweepResult& r : results) {
    const auto same = std::find_if(groups.begin(), groups.end(),
                                   [&](const auto& group) { return group[0]->grid == r.grid; });
    if (same != groups.end())
      same->push_back(&r);
    else
      groups.push_back({&r});
  }
  std::vector<RankedCombination> ranking;
  for (const auto& group : groups) ranking.push_back(summed_up(group));
  std::stable_sort(ranking.begin(), ranking.end(), [](const auto& a, const auto& b) {
    if (!a.loss || !b.loss) return a.loss.has_value() && !b.loss;
    return a.loss->mean < b.loss->mean;
  });
  return ranking;
}

}  // namespace hewn

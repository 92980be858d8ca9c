#include "train/sweep/definition.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"

namespace hewn {
namespace {

constexpr const char* definition_format = "hewn-sweep";
constexpr int64_t definition_version = 1;

std::string keys_text(const std::vector<GridKey>& grid) {
  return grid.empty() ? "none" : list_text(grid, ", ", &GridKey::key);
}

}  // namespace

std::string SweepDefinition::to_json() const {
  Json keys = Json::object(), lists = Json::object();
  for (const auto& [key, value] : base) keys[key] = value;
  for (const GridKey& g : grid) lists[g.key] = g.values;
  const Json out{{"format", definition_format},
                 {"version", definition_version},
                 {"base", keys},
                 {"grid", lists},
                 {"seeds", seeds}};
  return exact_json_text(out, 2) + "\n";
}

SweepDefinition SweepDefinition::from_json(const std::string& text, const std::string& source) {
  const Doing reading("reading ", source);
  SweepDefinition d;
  try {
    const Json in = parse_ordered_json(text);
    if (in.at("format") != definition_format)
      fail(ErrorCode::input, source, ": is not the definition of a sweep; expected the format ",
           definition_format);
    if (in.at("version") != definition_version)
      fail(ErrorCode::input, source, ": was written by another version of Hewn; this one reads version ",
           definition_version);
    for (const auto& [key, value] : in.at("base").items()) d.base.emplace_back(key, value.get<std::string>());
    for (const auto& [key, values] : in.at("grid").items())
      d.grid.push_back({key, values.get<std::vector<std::string>>()});
    d.seeds = in.at("seeds").is_number_integer() ? in.at("seeds").get<int64_t>() : 0;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::input, source, ": is damaged: ", json_reason(error));
  }
  for (const GridKey& g : d.grid)
    if (g.values.empty()) fail(ErrorCode::input, source, ": is damaged: no values of ", g.key);
  if (d.seeds < 1 || d.seeds > most_sweep_runs)
    fail(ErrorCode::input, source, ": is damaged: seeds = ", d.seeds);
  return d;
}

std::vector<GridKey> extended_grid(const std::vector<GridKey>& stored, const std::vector<GridKey>& wanted,
                                   const std::string& directory) {
  const auto find = [](const std::vector<GridKey>& grid, const std::string& key) {
    return std::find_if(grid.begin(), grid.end(), [&](const GridKey& g) { return g.key == key; });
  };
  const bool same_keys = stored.size() == wanted.size() &&
                         std::all_of(stored.begin(), stored.end(),
                                     [&](const GridKey& g) { return find(wanted, g.key) != wanted.end(); });
  require(same_keys, "grid: the keys are ", keys_text(wanted), ", but the sweep in ", directory, " has ",
          keys_text(stored),
          "; a sweep can only be extended by values and seeds, so choose another --out_dir");
  std::vector<GridKey> all = stored;
  for (GridKey& g : all) {
    const GridKey& more = *find(wanted, g.key);
    for (const std::string& value : g.values)
      require(std::find(more.values.begin(), more.values.end(), value) != more.values.end(), "grid: ", g.key,
              " lacks the value ", value, " of the sweep in ", directory,
              "; give all its values, or leave out grid to continue it unchanged");
    for (const std::string& value : more.values)
      if (std::find(g.values.begin(), g.values.end(), value) == g.values.end()) g.values.push_back(value);
  }
  return all;
}

}  // namespace hewn

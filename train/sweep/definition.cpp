#include "train/sweep/definition.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "core/io/checksum.h"
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

namespace {

constexpr size_t longest_name = 160;

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '+' || c == '-';
}

// A value as a part of a name: the last part of a path, without special characters.
std::string plain_value(std::string value) {
  while (value.size() > 1 && value.back() == '/') value.pop_back();
  if (const size_t slash = value.rfind('/'); slash != value.npos) value.erase(0, slash + 1);
  for (char& c : value)
    if (!is_plain(c)) c = '-';
  return value;
}

}  // namespace

GridKey parse_grid_key(const std::string& text) {
  const size_t equals = text.find('=');
  require(equals != text.npos && equals > 0, "grid = '", text,
          "' has no key; give a key and its values, as in n_layer=2,4");
  GridKey grid{text.substr(0, equals), {}};
  std::replace(grid.key.begin(), grid.key.end(), '-', '_');
  std::string rest = text.substr(equals + 1);
  const char separator = rest.find('|') != rest.npos ? '|' : ',';
  while (true) {
    const size_t end = rest.find(separator);
    grid.values.push_back(rest.substr(0, end));
    require(!grid.values.back().empty(), "grid ", text, ": ",
            rest.empty() && grid.values.size() == 1 ? "the list of values is empty" : "a value is empty",
            "; give values, as in ", grid.key, "=A,B");
    if (end == rest.npos) return grid;
    rest.erase(0, end + 1);
  }
}

void check_grid(const std::vector<GridKey>& grid, int64_t seeds) {
  std::set<std::string> keys;
  int64_t runs = seeds;
  for (const GridKey& g : grid) {
    require(keys.insert(g.key).second, "grid: ", g.key, " is given twice; give one list with all its values");
    std::set<std::string> values;
    for (const std::string& value : g.values)
      require(values.insert(value).second, "grid: ", g.key, " has the value ", value, " twice");
    const auto n = static_cast<int64_t>(g.values.size());
    require(runs <= most_sweep_runs / n, "grid: there are more than ", most_sweep_runs,
            " runs; give fewer values or seeds");
    runs *= n;
  }
}

std::vector<std::vector<std::string>> combinations(const std::vector<GridKey>& grid) {
  std::vector<std::vector<std::string>> all{{}};
  for (const GridKey& g : grid) {
    std::vector<std::vector<std::string>> longer;
    for (const auto& begun : all)
      for (const std::string& value : g.values) {
        longer.push_back(begun);
        longer.back().push_back(value);
      }
    all = std::move(longer);
  }
  return all;
}

std::string combination_text(const std::vector<GridKey>& grid, const std::vector<std::string>& values) {
  std::string text;
  for (size_t i = 0; i < grid.size(); ++i) text += (i ? "," : "") + grid[i].key + "=" + values[i];
  return text;
}

std::string sweep_run_name(const std::vector<GridKey>& grid, const std::vector<std::string>& values,
                           uint64_t seed) {
  std::string name, whole;
  bool seeded = false;
  for (size_t i = 0; i < grid.size(); ++i) {
    name += (i ? "," : "") + grid[i].key + "=" + plain_value(values[i]);
    seeded |= grid[i].key == "seed";
  }
  whole = combination_text(grid, values);
  if (name != whole || name.size() > longest_name)
    name = name.substr(0, longest_name) + "-" + to_hex(checksum(whole)).substr(0, 8);
  if (!seeded) name += (name.empty() ? "seed=" : ",seed=") + std::to_string(seed);
  return name;
}

}  // namespace hewn

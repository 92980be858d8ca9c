#include "train/sweep/grid.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/io/checksum.h"

namespace hewn {
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

#pragma once
// sweep.json: the definition of a sweep, so that it can be continued and rejects other runs.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hewn {

// The grid of a sweep: keys with their values, all combinations, and the names of their runs.

/// A key of a grid and the values it takes, as text.
struct GridKey {
  std::string key;
  std::vector<std::string> values;
  bool operator==(const GridKey&) const = default;
};

inline constexpr int64_t most_sweep_runs = 10000;

/// Parses `n_layer=2,4`. Values are separated by commas, or by | if there is one, so that values may contain
/// commas: `dataset=a.txt:1,b.txt:2|tales`. A dash in the key equals an underscore. Throws usage if there is no
/// key, no value, or an empty one.
GridKey parse_grid_key(const std::string& text);

/// Throws usage if a key occurs twice, a value occurs twice, or `seeds` times the number of combinations exceeds
/// `most_sweep_runs`.
void check_grid(const std::vector<GridKey>& grid, int64_t seeds);

/// All combinations of values, each with one value per key; those of the last key change fastest. Without keys,
/// one empty combination.
std::vector<std::vector<std::string>> combinations(const std::vector<GridKey>& grid);

/// "n_layer=2,dropout=0.2": the combination for people. "" without keys.
std::string combination_text(const std::vector<GridKey>& grid, const std::vector<std::string>& values);

/// The name of a combination's run, which is also that of its directory: "n_layer=2,dropout=0.2,seed=1337".
/// Characters that are special to shells or file systems become dashes, and only the last part of a path is
/// kept; such names, and long ones, end with a checksum of the values, so that different runs have different
/// names.
std::string sweep_run_name(const std::vector<GridKey>& grid, const std::vector<std::string>& values,
                           uint64_t seed);

struct SweepDefinition {
  std::vector<std::pair<std::string, std::string>> base;  ///< keys of all runs that are not in the grid
  std::vector<GridKey> grid;
  int64_t seeds = 1;  ///< runs per combination, with the seeds `seed`, `seed` + 1, ...

  /// The content of sweep.json.
  std::string to_json() const;
  /// The inverse. Throws ErrorCode::input with the reason; `source` names the file.
  static SweepDefinition from_json(const std::string& text, const std::string& source);
};

/// Checks that `wanted` has everything of `stored` and adds only values and seeds, which extend the sweep.
/// Values keep the order of `stored`, followed by the new ones. Returns the extended grid. Throws usage,
/// naming what differs; `directory` is that of the sweep.
std::vector<GridKey> extended_grid(const std::vector<GridKey>& stored, const std::vector<GridKey>& wanted,
                                   const std::string& directory);

}  // namespace hewn

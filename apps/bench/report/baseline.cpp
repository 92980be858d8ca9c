#include "apps/bench/report/baseline.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "core/error.h"
#include "core/io/file.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

constexpr size_t largest_file = size_t{64} << 20;
constexpr double least_noise_percent = 2;  // of any timing, even if its repetitions agree

const Json& member(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) fail(ErrorCode::input, "the key \"", key, "\" is missing");
  return *found;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_string()) fail(ErrorCode::input, "\"", key, "\" is not a string");
  return value.get<std::string>();
}

double number_of(const Json& object, const char* key) {
  const Json& value = member(object, key);
  if (!value.is_number()) fail(ErrorCode::input, "\"", key, "\" is not a number");
  return value.get<double>();
}

BenchRow row_of(const Json& object) {
  if (!object.is_object()) fail(ErrorCode::input, "expected a JSON object");
  BenchRow row{.op = text_of(object, "op"),
               .shape = text_of(object, "shape"),
               .dtype = text_of(object, "dtype"),
               .isa = text_of(object, "isa"),
               .rung = text_of(object, "rung"),
               .cache = object.contains("cache") ? text_of(object, "cache") : "",
               .bound = "",
               .threads = static_cast<int>(std::clamp(number_of(object, "threads"), 0.0, 1e6)),
               .best_ms = number_of(object, "best_ms"),
               .spread_percent = object.contains("spread_percent") ? number_of(object, "spread_percent") : 0};
  if (!(row.best_ms > 0)) fail(ErrorCode::input, "\"best_ms\" is not positive");
  return row;
}

auto identity(const BenchRow& r) {
  return std::tie(r.op, r.shape, r.dtype, r.threads, r.isa, r.rung, r.cache);
}

}  // namespace

Baseline::Baseline(const std::string& file) : file_(file) {
  const Doing reading("reading the baseline ", file);
  const Json list = parse_ordered_json(read_small_file(file, largest_file));
  if (!list.is_array()) fail(ErrorCode::input, "the JSON is not a list; expected the output of --json");
  for (size_t i = 0; i < list.size(); ++i) {
    const Doing entry("reading entry ", i);
    rows_.push_back(row_of(list[i]));
  }
}

int64_t Baseline::compare(std::vector<BenchRow>& rows) const {
  int64_t known = 0, slower = 0;
  for (BenchRow& now : rows) {
    const auto before = std::find_if(rows_.begin(), rows_.end(),
                                     [&](const BenchRow& r) { return identity(r) == identity(now); });
    if (before == rows_.end()) continue;
    now.change =
        Change{.baseline_ms = before->best_ms,
               .percent = 100 * (now.best_ms / before->best_ms - 1),
               .noise_percent = std::max({least_noise_percent, before->spread_percent, now.spread_percent})};
    if (now.is_ceiling()) continue;
    ++known;
    slower += now.change->percent > now.change->noise_percent;
  }
  if (known == 0)
    fail(ErrorCode::input, "the baseline ", file_,
         " contains none of the measured cases; use the same --op, --shape, --dtype, --threads, --isa and "
         "--cache");
  return slower;
}

}  // namespace hewn::cli

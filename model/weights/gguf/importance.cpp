#include "model/weights/gguf/importance.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string_view>

#include "core/error.h"
#include "core/io/file.h"
#include "core/io/file_kind.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/gguf/gguf_model.h"
#include "model/weights/weights.h"

namespace hewn {
namespace {

using Importance = std::map<std::string, std::vector<float>>;

/// Divides the sums of a tensor by their number, and keeps them.
void keep_means(Importance& all, const std::string& name, std::vector<float> sums, double count) {
  for (float& sum : sums) {
    const double mean = static_cast<double>(sum) / count;
    if (!std::isfinite(mean) || mean < 0)
      fail(ErrorCode::input, name, " has the importance ", mean, "; expected finite numbers, 0 or more");
    sum = static_cast<float>(mean);
  }
  if (!all.emplace(name, std::move(sums)).second)
    fail(ErrorCode::input, "the tensor ", name, " is given twice");
}

/// Tensors NAME.in_sum2, sums of squares, each with a NAME.counts.
Importance of_gguf(const std::string& path) {
  const GgufFile file(path);
  const Doing context("reading ", path);
  constexpr std::string_view sums = ".in_sum2", counts = ".counts";
  Importance all;
  for (const TensorEntry& entry : file.entries()) {
    if (!entry.name.ends_with(sums)) continue;
    const std::string name = entry.name.substr(0, entry.name.size() - sums.size());
    const TensorEntry* count = file.find(name + std::string(counts));
    if (count == nullptr) fail(ErrorCode::input, "there is no tensor ", name, counts, " beside ", entry.name);
    const std::vector<float> rows = values_of<float>(*count);
    if (rows.size() != 1) fail(ErrorCode::input, name, " has ", rows.size(), " experts; expected one matrix");
    keep_means(all, name, values_of<float>(entry), static_cast<double>(rows[0]));
  }
  if (all.empty()) fail(ErrorCode::input, "the file has no tensors with names that end with ", sums);
  return all;
}

/// i32 number of entries; each: i32 length of the name, the name, i32 calls, i32 number of values, f32 values.
Importance of_dat(const std::string& path) {
  const MappedFile file(path);
  const Doing context("reading ", path);
  refuse_foreign_kind(path, file.text());
  std::string_view rest = file.text();
  const auto take = [&](size_t bytes) {
    if (bytes > rest.size())
      fail(ErrorCode::input, "the file ends ", bytes - rest.size(), " bytes too early; was it cut short?");
    const std::string_view taken = rest.substr(0, bytes);
    rest.remove_prefix(bytes);
    return taken;
  };
  const auto number = [&](const char* what) {
    int32_t n = 0;
    std::memcpy(&n, take(sizeof n).data(), sizeof n);
    if (n < 0) fail(ErrorCode::input, what, " is ", n, "; the file is damaged");
    return static_cast<size_t>(n);
  };
  Importance all;
  for (size_t left = number("the number of entries"); left > 0; --left) {
    const std::string name(take(number("the length of a name")));
    const size_t calls = number("a number of calls"), values = number("a number of values");
    const std::string_view bytes = take(values * sizeof(float));
    std::vector<float> sums(values);
    if (values > 0) std::memcpy(sums.data(), bytes.data(), bytes.size());
    keep_means(all, name, std::move(sums), static_cast<double>(calls > 0 ? calls : 1));
  }
  return all;
}

}  // namespace

bool looks_like_importance(const std::string& path) {
  return looks_like_gguf(path) || path.ends_with(".dat");
}

std::map<std::string, std::vector<float>> read_importance(const std::string& path) {
  return looks_like_gguf(path) ? of_gguf(path) : of_dat(path);
}

namespace {

/// Divergence saved for each byte between two costs.
double slope(const FormatCost& smaller, const FormatCost& larger) {
  return (smaller.divergence - larger.divergence) / static_cast<double>(larger.bytes - smaller.bytes);
}

/// The costs, smallest first, at which each step saves less for a byte than the one before.
std::vector<size_t> hull_of(const std::vector<FormatCost>& costs) {
  std::vector<size_t> order(costs.size()), hull;
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return costs[a].bytes != costs[b].bytes ? costs[a].bytes < costs[b].bytes
                                            : costs[a].divergence < costs[b].divergence;
  });
  for (const size_t next : order) {
    if (!hull.empty() && costs[next].divergence >= costs[hull.back()].divergence) continue;
    while (hull.size() > 1 &&
           slope(costs[hull[hull.size() - 2]], costs[hull.back()]) <= slope(costs[hull.back()], costs[next]))
      hull.pop_back();
    hull.push_back(next);
  }
  return hull;
}

}  // namespace

std::vector<size_t> allocate_bits(const std::vector<std::vector<FormatCost>>& matrices, int64_t most) {
  std::vector<std::vector<size_t>> hulls;
  std::vector<size_t> step(matrices.size());
  int64_t left = most;
  for (const auto& costs : matrices) {
    hulls.push_back(hull_of(costs));
    left -= costs[hulls.back()[0]].bytes;
  }
  if (left < 0) return {};
  while (true) {
    size_t best = matrices.size();
    double saved = 0;
    for (size_t m = 0; m < matrices.size(); ++m) {
      if (step[m] + 1 == hulls[m].size()) continue;
      const FormatCost &now = matrices[m][hulls[m][step[m]]], &next = matrices[m][hulls[m][step[m] + 1]];
      if (next.bytes - now.bytes <= left && slope(now, next) > saved) saved = slope(now, next), best = m;
    }
    if (best == matrices.size()) break;
    const size_t from = hulls[best][step[best]], to = hulls[best][++step[best]];
    left -= matrices[best][to].bytes - matrices[best][from].bytes;
  }
  std::vector<size_t> chosen;
  for (size_t m = 0; m < matrices.size(); ++m) chosen.push_back(hulls[m][step[m]]);
  return chosen;
}

}  // namespace hewn

#include "apps/cli/suggest.h"

#include <algorithm>

namespace hewn::cli {

size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows suffice: row i of the table needs i-1, and i-2 for a swap.
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(last);
    last.swap(row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  size_t best = (word.size() <= 3 ? 1 : std::max<size_t>(2, word.size() / 3)) + 1;
  for (const std::string& name : names) {
    const bool prefix = word.size() >= 3 && name.starts_with(word);
    const size_t distance = prefix ? 0 : edit_distance(word, name);
    if (distance < best && distance < std::max(word.size(), name.size())) {
      best = distance;
      nearest = &name;
    }
  }
  return nearest ? "; did you mean '" + *nearest + "'?" : "";
}

}  // namespace hewn::cli

#pragma once
// A model of shared memory: 32 banks of four bytes, each of which delivers one word at a time.

#include <algorithm>
#include <array>
#include <set>
#include <vector>

namespace hewn::test {

/// The number of accesses for the slowest group of lanes. Lane l accesses `bytes` (4, 8 or 16)
/// from byte at[l] on. 32, 16 or 8 adjacent lanes are served together, and those that read the
/// same word share one access.
inline int passes(const std::vector<int>& at, int bytes) {
  const size_t together = 128 / static_cast<size_t>(bytes);
  int most = 0;
  for (size_t first = 0; first < at.size(); first += together) {
    std::array<std::set<int>, 32> words;
    for (size_t lane = first; lane < std::min(first + together, at.size()); ++lane)
      for (int word = at[lane] / 4; word < (at[lane] + bytes) / 4; ++word)
        words[static_cast<size_t>(word % 32)].insert(word);
    for (const auto& bank : words) most = std::max(most, static_cast<int>(bank.size()));
  }
  return most;
}

/// The same for the float with index place(lane).
template <class Place>
int passes_of_warp(int bytes, Place place) {
  std::vector<int> at;
  for (int lane = 0; lane < 32; ++lane) at.push_back(4 * place(lane));
  return passes(at, bytes);
}

}  // namespace hewn::test

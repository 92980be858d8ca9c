#include "kernels/roof/caches.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <string>

#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

std::string line_of(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "32768K" in bytes; 0 if it has another form.
size_t size_from(const std::string& text) {
  size_t n = 0, i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9' && n < size_t{1} << 40; ++i)
    n = 10 * n + static_cast<size_t>(text[i] - '0');
  const std::string unit = text.substr(i);
  return unit == "K" ? n << 10 : unit == "M" ? n << 20 : unit.empty() ? n : 0;
}

std::vector<CacheLevel> found_levels() {
  std::vector<CacheLevel> levels;
  for (int index = 0; index < 16; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string type = line_of(folder + "type"), level = line_of(folder + "level");
    const size_t bytes = size_from(line_of(folder + "size"));
    if ((type != "Data" && type != "Unified") || level.size() != 1 || bytes == 0) continue;
    levels.push_back({level[0] - '0', bytes, level[0] >= '3'});
  }
  if (levels.empty())
    levels = {{1, size_t{32} << 10, false}, {2, size_t{1} << 20, false}, {3, size_t{32} << 20, true}};
  return levels;
}

}  // namespace

const std::vector<CacheLevel>& cache_levels() {
  static const std::vector<CacheLevel> levels = found_levels();
  return levels;
}

size_t last_level_cache() { return cache_levels().back().bytes; }

std::string core_of(int processor) {
  return line_of("/sys/devices/system/cpu/cpu" + std::to_string(processor) +
                 "/topology/thread_siblings_list");
}

int physical_cores() {
  std::set<std::string> cores;
  for (int processor = 0; !core_of(processor).empty(); ++processor) cores.insert(core_of(processor));
  const int usable = available_cores();
  return cores.empty() ? usable : std::min(usable, static_cast<int>(cores.size()));
}

}  // namespace hewn

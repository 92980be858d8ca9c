#include "apps/learn/judge/judged_region.h"

#include <algorithm>

#include "kernels/contract/parallel.h"

namespace hewn::cli::learn {
namespace {

RegionWatch* watch = nullptr;

}  // namespace

RegionWatch::RegionWatch(std::span<uint32_t> memory) : memory_(memory) { watch = this; }
RegionWatch::~RegionWatch() { watch = nullptr; }

void RegionWatch::run(int parts, void (*body)(void* context, int part), void* context) {
  const std::vector<uint32_t> before(memory_.begin(), memory_.end());
  std::vector<uint32_t> after = before;
  std::vector<int> writers(before.size(), -1);
  watch = nullptr;  // a region within a part runs on its thread only
  for (int part = 0; part < parts; ++part) {
    body(context, part);
    for (size_t i = 0; i < before.size(); ++i) {
      if (memory_[i] == before[i]) continue;
      if (writers[i] >= 0 && !race_) race_ = {i, writers[i], part};
      writers[i] = part;
      after[i] = memory_[i];
    }
    std::copy(before.begin(), before.end(), memory_.begin());
  }
  std::copy(after.begin(), after.end(), memory_.begin());
  watch = this;
}

}  // namespace hewn::cli::learn

namespace hewn {

void judged_region(int threads, int parts, void (*body)(void* context, int part), void* context) {
  if (cli::learn::watch)
    cli::learn::watch->run(parts, body, context);
  else
    parallel_region(threads, parts, body, context);
}

}  // namespace hewn

// Regions whose parts run one by one: which elements each of them writes.

#include "apps/learn/judge/judged_region.h"

#include "kernels/contract/parallel.h"
#include "tests/support/catch.h"

using namespace hewn::cli::learn;

namespace {

/// parallel_for as lessons call it.
template <class Body>
void judged_for(int parts, const Body& body) {
  hewn::judged_region(
      parts, parts, [](void* context, int part) { (*static_cast<const Body*>(context))(part); },
      const_cast<Body*>(&body));
}

}  // namespace

TEST_CASE("judged_region: without a watch, all parts run") {
  std::vector<int> ran(5, 0);
  judged_for(5, [&](int part) { ++ran[static_cast<size_t>(part)]; });
  CHECK(ran == std::vector<int>(5, 1));
}

TEST_CASE("judged_region: parts that write elements of their own are no race") {
  std::vector<uint32_t> memory(7, 9);
  const RegionWatch watch(memory);
  for (int round = 0; round < 2; ++round)  // another part may write an element in the next region
    judged_for(3, [&](int part) {
      memory[static_cast<size_t>((part + round) % 3)] += static_cast<uint32_t>(part) + 1;
    });
  CHECK(!watch.race());
  CHECK(memory == std::vector<uint32_t>{13, 12, 14, 9, 9, 9, 9});
}

TEST_CASE("judged_region: an element that two parts write is a race") {
  std::vector<uint32_t> memory(7, 9);
  const RegionWatch watch(memory);
  judged_for(3, [&](int part) {
    memory[static_cast<size_t>(part)] = 1;
    if (part != 1) memory[5] += 1;  // parts 0 and 2
  });
  REQUIRE(watch.race());
  CHECK(watch.race()->element == 5);
  CHECK(watch.race()->first == 0);
  CHECK(watch.race()->second == 2);
  CHECK(memory[5] == 10);  // each part began with what was there before the region
}

TEST_CASE("judged_region: a region within a part belongs to the part") {
  std::vector<uint32_t> memory(4, 0);
  const RegionWatch watch(memory);
  judged_for(2, [&](int part) { judged_for(2, [&](int) { memory[static_cast<size_t>(part)] += 1; }); });
  CHECK(!watch.race());
  CHECK(memory == std::vector<uint32_t>{2, 2, 0, 0});
}

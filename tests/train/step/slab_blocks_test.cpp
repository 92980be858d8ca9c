// The blocks of a slab, with ranges that must not be divided.

#include "train/step/slab_blocks.h"

#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn::test {

TEST_CASE("blocks begin every norm_block elements, and anew at both ends of a range that must not be divided",
          "[optimizer]") {
  CHECK(SlabBlocks(0).count() == 0);
  const SlabBlocks plain(3 * norm_block + 5);
  CHECK(plain.count() == 4);
  CHECK(plain.begin(3) == 3 * norm_block);
  CHECK(plain.begin(4) == 3 * norm_block + 5);
  for (int64_t block = 0; block <= 4; ++block) CHECK(plain.nearest_cut(block) == block);

  // 0 | 100 ... | norm_block + 200 | ... n, the middle one of a block and a part of one
  const SlabBlocks blocks(norm_block + 300, {{100, norm_block + 200}});
  const std::vector<int64_t> begins{0, 100, 100 + norm_block, norm_block + 200, norm_block + 300};
  REQUIRE(blocks.count() == std::ssize(begins) - 1);
  for (size_t i = 0; i < begins.size(); ++i) CHECK(blocks.begin(static_cast<int64_t>(i)) == begins[i]);
  CHECK(blocks.nearest_cut(1) == 1);
  CHECK(blocks.nearest_cut(2) == 3);  // both ends are as near: the later one
  CHECK(blocks.nearest_cut(3) == 3);
}

TEST_CASE("the stretches of a slab cover it, with their first blocks", "[optimizer]") {
  Random random("stretches");
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::vector<Range> whole;
    int64_t n = random.integer(0, 2 * norm_block);
    for (int i = 0; i < 5; ++i) {
      whole.push_back({n, n + random.integer(1, 3 * norm_block)});
      n = whole.back().end + random.integer(0, 2 * norm_block);
    }
    const SlabBlocks blocks(n, whole);
    const Range part{blocks.begin(random.integer(0, blocks.count() / 2)), n};
    int64_t end = part.begin;
    blocks.each_stretch(part, [&](Range elements, int64_t block) {
      CHECK(elements.begin == end);
      CHECK(blocks.begin(block) == elements.begin);
      CHECK(blocks.begin(block + blocks_of_norm(elements.size())) == elements.end);
      end = elements.end;
    });
    CHECK(end == n);
  }
}

}  // namespace hewn::test

#include "train/data/batches.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

using namespace hewn;

namespace {

Split make_split(std::vector<int32_t> ids, std::optional<int32_t> separator = std::nullopt) {
  Split split;
  split.name = "test data";
  split.tokens = Tokens(std::move(ids));
  split.separator = separator;
  split.find_documents();
  return split;
}

Split counting(int32_t n, int32_t from = 0) {
  std::vector<int32_t> ids(static_cast<size_t>(n));
  std::iota(ids.begin(), ids.end(), from);
  return make_split(std::move(ids));
}

Batch batch_of(const BatchLoader& loader, int64_t index) {
  Batch batch;
  loader.fill(index, batch);
  return batch;
}

}  // namespace

TEST_CASE("random windows start everywhere, and targets are shifted by one token", "[data]") {
  const Split split = counting(20);
  const BatchLoader loader({{&split}}, {.batch_size = 3, .block_size = 8, .seed = 5});
  std::set<int32_t> starts;
  for (int64_t i = 0; i < 200; ++i) {
    const Batch batch = batch_of(loader, i);
    REQUIRE(batch.rows == 3);
    REQUIRE(batch.target_count() == 24);
    for (size_t b = 0; b < 3; ++b) {
      starts.insert(batch.tokens[8 * b]);
      for (size_t t = 0; t < 8; ++t) {
        REQUIRE(batch.tokens[8 * b + t] == batch.tokens[8 * b] + static_cast<int32_t>(t));
        REQUIRE(batch.targets[8 * b + t] == batch.tokens[8 * b + t] + 1);
      }
    }
  }
  CHECK(starts.size() == 12);
  CHECK(*starts.rbegin() == 11);
}

TEST_CASE("batch i depends only on data, seed, stream and i", "[data]") {
  const Split split = counting(1000);
  const BatchOptions options{.batch_size = 4, .block_size = 16, .seed = 9};
  const BatchLoader one({{&split}}, options), two({{&split}}, options);
  for (const int64_t i : {7, 0, 12345678, 7}) CHECK(batch_of(one, i).tokens == batch_of(two, i).tokens);
  CHECK(batch_of(one, 1).tokens != batch_of(one, 2).tokens);
  for (const BatchOptions& other :
       {BatchOptions{.batch_size = 4, .block_size = 16, .seed = 10},
        BatchOptions{.batch_size = 4, .block_size = 16, .seed = 9, .stream = 1}}) {
    CHECK(batch_of(BatchLoader({{&split}}, other), 1).tokens != batch_of(one, 1).tokens);
  }
}

// A run that an older version began resumes with the batches that it would have had. The numbers are those of a
// second implementation of Philox and of both methods of drawing, in Python.
TEST_CASE("the batches of a seed are the same in every version", "[data]") {
  const Split split = counting(1000);
  const auto starts = [](const BatchLoader& loader, int64_t index) {
    const Batch batch = batch_of(loader, index);
    std::vector<int32_t> all;
    for (int64_t b = 0; b < batch.rows; ++b)
      all.push_back(batch.tokens[static_cast<size_t>(b * batch.block_size)]);
    return all;
  };
  const uint64_t seed = (uint64_t{1} << 40) + 9;
  CHECK(starts(BatchLoader({{&split}}, {.batch_size = 3, .block_size = 16, .seed = seed}), 7) ==
        std::vector<int32_t>{108, 70, 202});
  CHECK(starts(BatchLoader({{&split}}, {.batch_size = 4, .block_size = 16, .seed = seed, .stream = 2}),
               (int64_t{1} << 33) + 5) == std::vector<int32_t>{760, 385, 126, 338});

  const Split a = counting(100), b = counting(5000, 1000);
  CHECK(starts(BatchLoader({{&a, 0.7}, {&b, 0.3}}, {.batch_size = 6, .block_size = 4, .seed = 3}), 11) ==
        std::vector<int32_t>{1455, 77, 5091, 62, 15, 4629});

  std::vector<int64_t> to, to_of_seven, to_of_sixteen;
  for (int64_t i = 0; i < 6; ++i) to.push_back(shuffled(i, 1000, seed, (uint64_t{1} << 34) + 3));
  for (int64_t i = 0; i < 7; ++i) to_of_seven.push_back(shuffled(i, 7, 5, 1));
  for (int64_t i = 0; i < 16; ++i) to_of_sixteen.push_back(shuffled(i, 16, 5, 1));
  CHECK(to == std::vector<int64_t>{903, 550, 242, 705, 9, 510});
  CHECK(to_of_seven == std::vector<int64_t>{1, 5, 3, 0, 4, 2, 6});
  CHECK(to_of_sixteen == std::vector<int64_t>{14, 15, 3, 0, 11, 2, 7, 10, 8, 13, 12, 4, 6, 1, 9, 5});
  const BatchLoader epochs(
      {{&split}}, {.batch_size = 2, .block_size = 16, .stride = 0, .order = Order::shuffled, .seed = 5});
  CHECK(epochs.window_count() == 62);  // without a stride, windows do not overlap
}

TEST_CASE("windows in order cover the split without overlap, as in nanoGPT's evaluation", "[data]") {
  // Tiny Shakespeare's validation half: 111540 tokens make 1742 windows of 64.
  const Split split = counting(111540);
  const BatchLoader loader({{&split}}, {.batch_size = 12, .block_size = 64, .order = Order::in_order});
  CHECK(loader.window_count() == 1742);
  CHECK(loader.batch_count() == 146);
  int32_t next = 0;
  for (int64_t i = 0; i < loader.batch_count(); ++i) {
    const Batch batch = batch_of(loader, i);
    for (const int32_t id : batch.tokens) REQUIRE(id == next++);
  }
  CHECK(batch_of(loader, 145).rows == 2);
  CHECK(next == 1742 * 64);
  const BatchLoader even({{&split}}, {.batch_size = 13, .block_size = 64, .order = Order::in_order});
  CHECK(batch_of(even, 133).rows == 13);
  CHECK_THROWS_WITH(batch_of(even, 134), Catch::Contains("batch 134 is out of range; there are 134"));
  for (const int64_t outside : {int64_t{146}, int64_t{-1}})
    CHECK_THROWS_WITH(batch_of(loader, outside), Catch::Contains("out of range; there are 146"));
}

TEST_CASE("every epoch is a shuffle of all windows, a different one each time", "[data]") {
  const Split split = counting(1001);
  const BatchLoader loader(
      {{&split}}, {.batch_size = 5, .block_size = 20, .stride = 10, .order = Order::shuffled, .seed = 3});
  REQUIRE(loader.window_count() == 99);
  CHECK(loader.batch_count() == 20);
  std::vector<std::vector<int32_t>> epochs;
  std::vector<int32_t> starts;
  for (int64_t i = 0; i * 5 < 99 * 4; ++i) {
    const Batch batch = batch_of(loader, i);
    for (size_t b = 0; b < 5; ++b) starts.push_back(batch.tokens[20 * b]);
  }
  for (size_t e = 0; e < 4; ++e) {
    std::vector<int32_t> epoch(starts.begin() + static_cast<std::ptrdiff_t>(99 * e),
                               starts.begin() + static_cast<std::ptrdiff_t>(99 * (e + 1)));
    for (const auto& before : epochs) CHECK(before != epoch);
    epochs.push_back(epoch);
    std::sort(epoch.begin(), epoch.end());
    for (int32_t w = 0; w < 99; ++w) REQUIRE(epoch[static_cast<size_t>(w)] == 10 * w);
  }
}

TEST_CASE("shuffled() is a permutation for every size", "[data]") {
  const uint64_t seed = test::Random("shuffled").bits();
  INFO("seed " << seed);
  for (int64_t n = 1; n < 300; n += n < 40 ? 1 : 37) {
    std::vector<bool> hit(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) {
      const int64_t to = shuffled(i, n, seed, 2);
      REQUIRE(to >= 0);
      REQUIRE(to < n);
      REQUIRE_FALSE(hit[static_cast<size_t>(to)]);
      hit[static_cast<size_t>(to)] = true;
    }
  }
  // Where 0 goes is uniform over epochs: chi-square with 9 degrees of freedom, exceeded once in 50000 runs.
  std::array<int, 10> count{};
  for (uint64_t epoch = 0; epoch < 10000; ++epoch) ++count[static_cast<size_t>(shuffled(0, 10, seed, epoch))];
  double chi = 0;
  for (const int c : count) chi += (c - 1000.0) * (c - 1000.0) / 1000.0;
  CHECK(chi < 38);
}

TEST_CASE("an aligned window contains a separator and one document; the rest is ignored", "[data]") {
  // Documents "1 2", "3", "" and "4 5 6" separated by 0.
  const Split split = make_split({1, 2, 0, 3, 0, 0, 4, 5, 6, 0}, 0);
  CHECK(split.documents == std::vector<int64_t>{0, 3, 5, 6, 10});
  CHECK(split.longest_document() == 4);
  const BatchLoader loader({{&split}}, {.batch_size = 9, .block_size = 5, .order = Order::in_order});
  const Batch batch = batch_of(loader, 0);
  REQUIRE(batch.rows == 4);
  constexpr int32_t no = ignored_target;
  CHECK(batch.tokens == std::vector<int32_t>{0, 1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 6, 0});
  CHECK(batch.targets ==
        std::vector<int32_t>{1, 2, 0, no, no, 3, 0, no, no, no, 0, no, no, no, no, 4, 5, 6, 0, no});
  CHECK(batch.target_count() == 10);  // every token of the text is a target once

  Batch reused = batch;  // nothing of it stays
  const Split other = make_split({1, 2, 9, 3, 9}, 9);
  BatchLoader({{&other}}, {.batch_size = 2, .block_size = 4, .order = Order::in_order}).fill(0, reused);
  CHECK(reused.tokens == std::vector<int32_t>{9, 1, 2, 9, 9, 3, 9, 9});
  CHECK(reused.targets == std::vector<int32_t>{1, 2, 9, no, 3, 9, no, no});

  const Split open = make_split({1, 0, 2, 3}, 0);
  CHECK(open.documents == std::vector<int64_t>{0, 2, 4});
  CHECK(batch_of(BatchLoader({{&open}}, {.batch_size = 2, .block_size = 2, .order = Order::in_order}), 0)
            .targets == std::vector<int32_t>{1, 0, 2, 3});

  CHECK_THROWS_WITH(BatchLoader({{&split}}, {.batch_size = 1, .block_size = 3}),
                    Catch::Contains("at least 4"));
  const Split none = make_split({}, 0);
  CHECK_THROWS_WITH(BatchLoader({{&none}}, {.batch_size = 1, .block_size = 3}),
                    Catch::Contains("no document"));
}

TEST_CASE("documents of any number and length are found", "[data]") {
  // Separators are searched for in pieces; these documents end before, at and after the edges of pieces.
  for (const int64_t length :
       {int64_t{1}, int64_t{3}, int64_t{4095}, int64_t{4096}, int64_t{4097}, int64_t{9000}}) {
    std::vector<int32_t> ids;
    std::vector<int64_t> starts{0};
    for (int64_t i = 0; i < 3; ++i) {
      ids.insert(ids.end(), static_cast<size_t>(length - 1 + i), 5);
      ids.push_back(0);
      starts.push_back(std::ssize(ids));
    }
    INFO("length " << length);
    CHECK(make_split(ids, 0).documents == starts);
    CHECK(make_split(ids, 0).longest_document() == length + 2);
  }
}

TEST_CASE("sources are mixed by weight", "[data]") {
  const Split a = counting(100), b = counting(5000, 1000);
  const BatchLoader loader({{&a, 0.7}, {&b, 0.3}}, {.batch_size = 10, .block_size = 4, .seed = 2});
  int from_a = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    const Batch batch = batch_of(loader, i);
    for (size_t r = 0; r < 10; ++r) from_a += batch.tokens[4 * r] < 1000;
  }
  CHECK(std::abs(from_a - 7000) < 5 * 46);  // five standard deviations
  // Only the ratio of the weights counts.
  const BatchLoader doubled({{&a, 1.4}, {&b, 0.6}}, {.batch_size = 10, .block_size = 4, .seed = 2});
  for (int64_t i = 0; i < 10; ++i) CHECK(batch_of(doubled, i).tokens == batch_of(loader, i).tokens);
  const BatchLoader all({{&a, 0.7}, {&b, 0.3}},
                        {.batch_size = 64, .block_size = 4, .order = Order::in_order});
  CHECK(all.window_count() == 24 + 1249);
  CHECK(batch_of(all, 0).tokens[4 * 23] == 92);
  CHECK(batch_of(all, 0).tokens[4 * 24] == 1000);
  CHECK_THROWS_WITH(BatchLoader({{&a}, {&b}}, {.order = Order::shuffled}),
                    Catch::Contains("a single dataset"));
}

TEST_CASE("too little data and invalid sizes are reported", "[data]") {
  const Split split = counting(64);
  CHECK_THROWS_WITH(BatchLoader({{&split}}, {.block_size = 64}),
                    Catch::Contains("64 tokens") && Catch::Contains("needs 65"));
  CHECK(BatchLoader({{&split}}, {.block_size = 63}).window_count() == 1);
  CHECK_THROWS_WITH(BatchLoader({{&split}}, {.batch_size = 0, .block_size = 8}),
                    Catch::Contains("batch_size is 0; expected at least 1"));
  CHECK_THROWS_WITH(BatchLoader({{&split}}, {.block_size = 0}), Catch::Contains("block_size is 0"));
  CHECK_THROWS_WITH(BatchLoader({{&split}}, {.block_size = 8, .stride = -1}),
                    Catch::Contains("stride is -1"));
  CHECK_THROWS_WITH(Windows(split, 8, 0), Catch::Contains("stride is 0; expected at least 1"));
  CHECK_THROWS_WITH(BatchLoader({{&split, 0.0}}, {.block_size = 8}),
                    Catch::Contains("weight 0; expected more"));
  CHECK_THROWS_WITH(BatchLoader({}, {}), Catch::Contains("no data"));
}

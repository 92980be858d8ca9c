// What ranks compute together, with messages that arrive late, in pieces and in any order.

#include "train/ranks/ranks.h"

#include <numeric>

#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"

namespace hewn::test {
namespace {

/// The sum of one element over all ranks, as a tree.
float sum_of(const std::vector<std::vector<float>>& slabs, size_t i, size_t begin, size_t end) {
  if (end - begin == 1) return slabs[begin][i];
  const size_t middle = (begin + end) / 2;
  return sum_of(slabs, i, begin, middle) + sum_of(slabs, i, middle, end);
}

}  // namespace

TEST_CASE("slices: every block has one owner, in order, and all own as much of a bucket", "[ranks]") {
  Random random("slices");
  for (int repeat = 0; repeat < 200; ++repeat) {
    const int ranks = 1 << random.integer(0, 4);
    const int64_t n = random.integer(1, 100 * norm_block);
    const Slices slices(n, random.integer(0, 40 * norm_block), ranks);
    int64_t end = 0, block = 0;
    for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket)
      for (int rank = 0; rank < ranks; ++rank) {
        const Range elements = slices.elements(bucket, rank), blocks = slices.blocks(bucket, rank);
        CHECK(elements.begin == end);
        CHECK(blocks.begin == block);
        CHECK(elements.begin == std::min(n, blocks.begin * norm_block));
        if (bucket + 1 < slices.buckets())
          CHECK(std::abs(blocks.size() - slices.blocks(bucket, 0).size()) <= 1);
        end = elements.end, block = blocks.end;
      }
    CHECK(end == n);
  }
  CHECK(Slices(0, 5, 4).buckets() == 0);
}

TEST_CASE("slices: a range that must not be divided has one owner", "[ranks]") {
  Random random("whole ranges");
  for (int repeat = 0; repeat < 200; ++repeat) {
    const int ranks = 1 << random.integer(0, 4);
    std::vector<Range> whole;
    int64_t n = random.integer(0, 3 * norm_block);
    for (int64_t i = random.integer(1, 20); i > 0; --i) {
      whole.push_back({n, n + random.integer(1, 5 * norm_block)});
      n = whole.back().end + (random.integer(0, 1) == 0 ? 0 : random.integer(1, 3 * norm_block));
    }
    const SlabBlocks blocks(n, whole);
    const Slices slices(blocks, random.integer(0, 20 * norm_block), ranks);
    std::vector<int64_t> begins;
    for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket) {
      CHECK(slices.elements(bucket).size() > 0);
      for (int rank = 0; rank < ranks; ++rank) {
        const Range elements = slices.elements(bucket, rank);
        CHECK(elements.begin == (begins.empty() && rank == 0 ? 0 : begins.back()));
        CHECK(elements.begin == blocks.begin(slices.blocks(bucket, rank).begin));
        CHECK(elements.end == blocks.begin(slices.blocks(bucket, rank).end));
        begins.push_back(elements.end);
        for (const int64_t element : {elements.begin, elements.end - 1})
          if (elements.size() > 0) CHECK(slices.buckets_of({element, element + 1}).begin == bucket);
      }
    }
    CHECK(begins.back() == n);
    for (const Range& range : whole)
      for (const int64_t cut : begins) CHECK((cut <= range.begin || cut >= range.end));
  }
}

TEST_CASE("ranks: texts and numbers of every length are gathered by rank", "[ranks]") {
  for (const int size : {1, 2, 4, 8}) {
    Mailboxes mailboxes(size, run_seed());
    mailboxes.run([&](Ranks& ranks) {
      for (int round = 0; round < 5; ++round) {
        const auto text = [&](int rank) {
          return std::string(static_cast<size_t>(rank * round), static_cast<char>('a' + rank));
        };
        const std::vector<std::string> all = ranks.gather(text(ranks.rank()));
        require(std::ssize(all) == size, "texts of ", all.size(), " ranks");
        for (int rank = 0; rank < size; ++rank)
          require(all[static_cast<size_t>(rank)] == text(rank), "the text of rank ", rank, " is '",
                  all[static_cast<size_t>(rank)], "'");
        const std::vector<double> mine(static_cast<size_t>(ranks.rank() + round), ranks.rank() + 0.25);
        const auto numbers = ranks.gather(mine);
        for (int rank = 0; rank < size; ++rank)
          require(numbers[static_cast<size_t>(rank)] ==
                      std::vector<double>(static_cast<size_t>(rank + round), rank + 0.25),
                  "the numbers of rank ", rank, " differ");
      }
    });
  }
}

TEST_CASE("ranks: gradients are added as a tree, and every slice comes back", "[ranks]") {
  Random random("exchange");
  for (const int size : {1, 2, 4, 8})
    for (const int64_t n : {int64_t{1}, norm_block, 3 * norm_block + 5, 20 * norm_block - 1}) {
      INFO(size << " ranks, " << n << " elements");
      std::vector<std::vector<float>> slabs;
      for (int rank = 0; rank < size; ++rank) slabs.push_back(random.normals<float>(n));
      const Slices slices(n, 4 * norm_block, size);
      Mailboxes mailboxes(size, run_seed());
      std::vector<std::vector<float>> sums(static_cast<size_t>(size));
      std::vector<int64_t> sent(static_cast<size_t>(size));
      mailboxes.run([&](Ranks& ranks) {
        const auto device = make_cpu(1);
        const auto me = static_cast<size_t>(ranks.rank());
        Tensor slab = Tensor::from(*device, slabs[me], {n});
        BucketExchange exchange = ranks.room(*device, DType::f32, slices);
        for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket) {
          ranks.start(slab, slices, bucket, exchange);
          ranks.finish(exchange);
        }
        ranks.all_gather(slab, slices);
        sums[me].assign(slab.ptr<float>(), slab.ptr<float>() + n);
        Tensor blocks = Tensor::zeros(*device, DType::f64, {blocks_of_norm(n)});
        for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket)
          for (int64_t b = slices.blocks(bucket, ranks.rank()).begin;
               b < slices.blocks(bucket, ranks.rank()).end; ++b)
            blocks.ptr<double>()[b] = static_cast<double>(b + 1);
        ranks.all_gather_blocks(blocks, slices);
        for (int64_t b = 0; b < blocks.numel(); ++b)
          require(blocks.ptr<double>()[b] == static_cast<double>(b + 1), "block ", b, " is ",
                  blocks.ptr<double>()[b]);
        sent[me] = ranks.traffic().bytes_sent;
      });
      for (int64_t i = 0; i < n; ++i) {
        const auto at = static_cast<size_t>(i);
        const float expected = sum_of(slabs, at, 0, slabs.size());
        for (size_t rank = 0; rank < sums.size(); ++rank)
          if (sums[rank][at] != expected)
            FAIL("rank " << rank << ", element " << i << ": " << sums[rank][at] << ", expected " << expected);
      }
      const auto slab_bytes = static_cast<int64_t>(n * int64_t{sizeof(float)});
      const int64_t block_bytes = blocks_of_norm(n) * int64_t{sizeof(double)};
      CHECK(mailboxes.bytes_sent() == (size - 1) * (2 * slab_bytes + block_bytes));
      CHECK(std::accumulate(sent.begin(), sent.end(), int64_t{0}) == mailboxes.bytes_sent());
    }
}

TEST_CASE("ranks: parts of a slab are gathered, each in a type of its own", "[ranks]") {
  const int64_t n = 20 * norm_block - 1, middle = 5 * norm_block + 64, end = 11 * norm_block + 192;
  for (const int size : {1, 2, 4}) {
    INFO(size << " ranks");
    const Slices slices(n, 4 * norm_block, size);
    Mailboxes mailboxes(size, run_seed());
    mailboxes.run([&](Ranks& ranks) {
      const auto device = make_cpu(1);
      Tensor wide = Tensor::zeros(*device, DType::f32, {n}),
             bf16 = Tensor::zeros(*device, DType::bf16, {end});
      for (int64_t bucket = 0; bucket < slices.buckets(); ++bucket) {
        const Range mine = slices.elements(bucket, ranks.rank());
        std::fill(wide.ptr<float>() + mine.begin, wide.ptr<float>() + mine.end, 1.0f);
        const Range copies = common(mine, {0, end});
        std::fill(bf16.ptr<BFloat16>() + copies.begin, bf16.ptr<BFloat16>() + copies.end, BFloat16(1.0f));
      }
      ranks.all_gather({{wide, {0, middle}}, {bf16, {middle, end}}, {wide, {end, n}}}, slices);
      // Outside of its part, a tensor has what this rank has given it.
      const std::vector<double> values = wide.doubles(), copies = bf16.doubles();
      for (int64_t i = 0; i < n; ++i) {
        const bool by_copy = i >= middle && i < end, mine = [&] {
          const Range owned = slices.elements(slices.buckets_of({i, i + 1}).begin, ranks.rank());
          return i >= owned.begin && i < owned.end;
        }();
        require(values[static_cast<size_t>(i)] == (by_copy && !mine ? 0 : 1), "element ", i);
        if (i < end) require(copies[static_cast<size_t>(i)] == (by_copy || mine ? 1 : 0), "copy ", i);
      }
    });
    CHECK(mailboxes.bytes_sent() == (size - 1) * (4 * n - 2 * (end - middle)));
  }
}

TEST_CASE("ranks: bytes of any number are copied and broadcast, in messages of at most a bucket", "[ranks]") {
  const int64_t bucket = norm_block + 7;
  for (const int size : {1, 2, 4, 8})
    for (const int64_t n : {int64_t{0}, int64_t{1}, bucket, 3 * bucket - 5}) {
      INFO(size << " ranks, " << n << " bytes");
      const auto text_of = [&](int rank) {
        std::string text(static_cast<size_t>(n), static_cast<char>('a' + rank));
        for (size_t i = 0; i < text.size(); i += 1000) text[i] = static_cast<char>(i / 1000);
        return text;
      };
      Mailboxes mailboxes(size, run_seed(), bucket);
      mailboxes.run([&](Ranks& ranks) {
        const int me = ranks.rank(), last = size - 1;
        std::string text = text_of(me);
        ranks.copy(last, 0, std::as_writable_bytes(std::span(text)));
        require(text == text_of(me == 0 ? last : me), "rank ", me, " has other bytes after the copy");
        ranks.broadcast(std::as_writable_bytes(std::span(text)));
        require(text == text_of(last), "rank ", me, " has other bytes after the broadcast");
      });
      CHECK(mailboxes.longest() == (size > 1 ? std::min(n, bucket) : 0));
      CHECK(mailboxes.bytes_sent() == (size > 1 ? size * n : 0));
    }
}

TEST_CASE("ranks: a number that is no power of two is refused", "[ranks]") {
  Mailboxes mailboxes(3, 1);
  CHECK_ERROR(mailboxes.run([](Ranks&) {}), ErrorCode::usage, "3 ranks; expected a power of two");
}

}  // namespace hewn::test

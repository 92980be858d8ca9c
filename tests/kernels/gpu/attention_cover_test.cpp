// Which blocks of attention's GPU kernels visit which queries and keys: every visible pair once,
// and no other pair.

#include <algorithm>
#include <vector>

#include "kernels/attention/gpu/pieces.cuh"
#include "kernels/attention/gpu/splits.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

AttentionSizes sizes(int64_t B, int64_t H, int64_t Hkv, int64_t Tq, int64_t Tk, int64_t window) {
  AttentionSizes a{};
  a.B = B, a.H = H, a.Hkv = Hkv, a.Tq = Tq, a.Tk = Tk, a.window = window;
  return a;
}

/// Visibility as defined in abi.h.
bool seen(const AttentionSizes& a, int64_t i, int64_t j) {
  const int64_t t = a.Tk - a.Tq + i;
  return i >= 0 && i < a.Tq && j >= 0 && j < a.Tk && j <= t && j > t - a.window;
}

const std::vector<AttentionSizes> cases = {
    sizes(1, 1, 1, 1, 1, 1),     sizes(1, 1, 1, 64, 64, 64),  sizes(2, 4, 2, 70, 70, 1000),
    sizes(1, 6, 2, 45, 130, 20), sizes(1, 2, 1, 129, 129, 1), sizes(1, 3, 3, 1, 200, 200),
    sizes(1, 2, 2, 150, 200, 7), sizes(2, 2, 1, 65, 127, 64), sizes(1, 1, 1, 127, 127, 63),
    sizes(1, 4, 1, 33, 97, 33),  sizes(1, 1, 1, 1, 300, 5),
};

struct Tiles {
  int own, warp, step;  ///< rows of a block and of each of its warps, other rows per step
};
/// The tiles of the kernels, and tiles that divide none of the sizes.
constexpr Tiles tiles[] = {{64, 64, 64},  {64, 64, 32}, {64, 64, 16}, {128, 32, 64},
                           {128, 32, 32}, {64, 16, 32}, {64, 16, 64}, {15, 5, 7}};

/// The number of times that each pair of a query and a key is computed: [B H, Tq, Tk].
class Visited {
 public:
  explicit Visited(const AttentionSizes& a) : a_(a), times_(static_cast<size_t>(a.B * a.H * a.Tq * a.Tk)) {}

  /// Queries from i0 on, which a warp owns, visit keys from j0 on, as kernels do. Returns false if `whole` is
  /// wrong: a pair does not exist, or a key. Rows that a warp owns may be past the last.
  bool keys(bool whole, int head, int i0, int queries, int j0, int keys) {
    if (!whole && !some_see(a_, i0, i0 + queries - 1, j0, j0 + keys - 1)) return true;
    bool right = true;
    for (int i = i0; i < i0 + queries && i < a_.Tq; ++i)
      for (int j = j0; j < j0 + keys; ++j) right &= pair(whole, head, i, j, keys_of(a_, i, j0).has(j - j0));
    return right;
  }
  /// The same for keys from j0 on, which a warp owns, and queries from i0 on.
  bool queries(bool whole, int head, int i0, int queries, int j0, int keys) {
    if (!whole && !some_see(a_, i0, i0 + queries - 1, j0, j0 + keys - 1)) return true;
    bool right = true;
    for (int j = j0; j < j0 + keys && j < a_.Tk; ++j)
      for (int i = i0; i < i0 + queries; ++i)
        right &= pair(whole, head, i, j, queries_of(a_, j, i0).has(i - i0));
    return right;
  }

  /// Whether every visible pair was computed once, and no other.
  bool exact() const {
    for (int64_t e = 0; e < static_cast<int64_t>(times_.size()); ++e)
      if (times_[static_cast<size_t>(e)] != (seen(a_, e / a_.Tk % a_.Tq, e % a_.Tk) ? 1 : 0)) return false;
    return true;
  }

 private:
  bool pair(bool whole, int head, int i, int j, bool found) {
    if (whole && !seen(a_, i, j)) return false;
    if (!whole && !found) return true;
    if (i >= a_.Tq || j >= a_.Tk) return false;
    ++times_[static_cast<size_t>((head * a_.Tq + i) * a_.Tk + j)];
    return true;
  }

  AttentionSizes a_;
  std::vector<int> times_;
};

int blocks_of(int64_t heads, int64_t rows, int own) {
  return static_cast<int>(heads * ceil_div(rows, int64_t{own}));
}

}  // namespace

TEST_CASE("a query attends to the keys up to its own within the window") {
  for (const AttentionSizes& a : cases) {
    INFO(a.Tq << " queries, " << a.Tk << " keys, window " << a.window);
    bool right = true;
    for (int i = 0; i < a.Tq; ++i)
      for (int j = 0; j < a.Tk; ++j) {
        const bool yes = seen(a, i, j);
        right &= (j >= first_key(a, i) && j < end_key(a, i)) == yes &&
                 (i >= first_query(a, j) && i < end_query(a, j)) == yes;
      }
    CHECK(right);
  }
}

TEST_CASE("fully masked tiles are recognised") {
  for (const AttentionSizes& a : cases) {
    INFO(a.Tq << " queries, " << a.Tk << " keys, window " << a.window);
    bool right = true;
    for (const int queries : {1, 5, 16})
      for (const int keys : {1, 7, 32})
        for (int i0 = 0; i0 < a.Tq; i0 += queries)
          for (int j0 = 0; j0 < a.Tk; j0 += keys) {
            int there = 0;
            for (int i = i0; i < i0 + queries; ++i)
              for (int j = j0; j < j0 + keys; ++j) there += seen(a, i, j);
            right &= there == 0 || some_see(a, i0, i0 + queries - 1, j0, j0 + keys - 1);
          }
    CHECK(right);
  }
}

TEST_CASE("pairs are checked one by one only at the diagonal and at the window's edge") {
  constexpr int T = 1024, own = 128, step = 64;
  for (const int window : {T, 512}) {
    const AttentionSizes a = sizes(1, 1, 1, T, T, window);
    for (int first = 0; first < T; first += own)
      for (const Visits& v : {keys_for(a, first, own, step), queries_for(a, first, own, step)}) {
        int parts[2] = {};  // partly, wholly
        for_visits(v, step, [&]<bool whole>(int) { ++parts[whole]; });
        INFO("rows from " << first << " on, window " << window);
        CHECK(parts[0] <= (window < T ? 2 * own / step + 1 : own / step));
        CHECK(parts[0] + parts[1] == ceil_div(v.end - v.first, step));
      }
  }
}

TEST_CASE("blocks that own queries visit every visible key exactly once") {
  for (const AttentionSizes& a : cases)
    for (const Tiles& t : tiles) {
      INFO(a.Tq << " queries, " << a.Tk << " keys, window " << a.window << "; " << t.own << " by " << t.step);
      Visited visited(a);
      bool within = true;
      for (int block = 0; block < blocks_of(a.B * a.H, a.Tq, t.own); ++block) {
        const OwnRows own = queries_of_block(a, t.own, block);
        const Visits keys = keys_for(a, own.first, t.own, t.step);
        within &= own.head < a.B * a.H && own.first >= 0 && own.first < a.Tq && keys.end <= a.Tk;
        for_visits(keys, t.step, [&]<bool whole>(int j0) {
          for (int w = 0; within && w < t.own; w += t.warp)
            within &= visited.keys(whole, own.head, own.first + w, t.warp, j0, t.step);
        });
      }
      CHECK(within);
      CHECK(visited.exact());
    }
}

TEST_CASE("blocks that own keys visit every query that attends to them exactly once") {
  for (const AttentionSizes& a : cases)
    for (const Tiles& t : tiles) {
      INFO(a.Tq << " queries, " << a.Tk << " keys, window " << a.window << "; " << t.own << " by " << t.step);
      Visited visited(a);
      bool within = true;
      const int heads = heads_per_key(a);
      for (int block = 0; block < blocks_of(a.B * a.Hkv, a.Tk, t.own); ++block) {
        const OwnRows own = keys_of_block(a, t.own, block);
        const Visits queries = queries_for(a, own.first, t.own, t.step);
        within &= own.head < a.B * a.Hkv && own.first < a.Tk && queries.end <= a.Tq;
        for (int bh = own.head * heads; bh < (own.head + 1) * heads; ++bh)
          for_visits(queries, t.step, [&]<bool whole>(int i0) {
            for (int w = 0; within && w < t.own; w += t.warp)
              within &= visited.queries(whole, bh, i0, t.step, own.first + w, t.warp);
          });
      }
      CHECK(within);
      CHECK(visited.exact());
    }
}

TEST_CASE("every key that a query attends to is in one piece") {
  for (const AttentionSizes& a : cases)
    for (const int splits : {1, 2, 7, 64}) {
      INFO(a.Tq << " queries, " << a.Tk << " keys, window " << a.window << ", " << splits << " pieces");
      const Span all = keys_of_all(a);
      int next = all.first, with_keys = 0;
      bool in_order = true;
      for (int p = 0; p < splits; ++p) {
        const Span piece = piece_of(all, splits, p);
        if (piece.first >= piece.end) continue;
        in_order &= piece.first == next && with_keys++ == p;
        next = piece.end;
      }
      CHECK(in_order);
      CHECK(next == all.end);
      CHECK(with_keys == pieces_with_keys(all, splits));
      CHECK((all.first == first_key(a, 0) && all.end == a.Tk));
    }
}

TEST_CASE("pieces of the longest sequences stay within 32 bits") {
  const AttentionSizes a = sizes(1, 1, 1, 1, (int64_t{1} << 30) - 1, int64_t{1} << 40);
  const Span all = keys_of_all(a), last = piece_of(all, most_key_splits, most_key_splits - 1);
  CHECK((last.first > 0 && last.first < last.end && last.end == a.Tk));
}

TEST_CASE("keys are divided into enough pieces to fill a GPU, and not more") {
  CHECK(key_splits(sizes(1, 12, 12, 1, 1024, 1024)) == 16);    // pieces of at least 64 keys
  CHECK(key_splits(sizes(1, 12, 12, 1, 16384, 16384)) == 33);  // three blocks per multiprocessor
  CHECK(key_splits(sizes(1, 12, 12, 1, 16384, 256)) == 4);     // of the keys in the window
  CHECK(key_splits(sizes(64, 12, 12, 1, 16384, 16384)) == 1);
  CHECK(key_splits(sizes(1, 1, 1, 1, 1 << 20, 1 << 20)) == most_key_splits);
  CHECK(key_splits(sizes(1, 1, 1, 1, 1, 1)) == 1);
}

TEST_CASE("blocks with the most work start first") {
  const AttentionSizes a = sizes(2, 3, 3, 200, 200, 200);
  for (int block = 1; block < blocks_of(6, 200, 64); ++block) {
    const auto keys = [&](int b) { return end_key(a, std::min(queries_of_block(a, 64, b).first + 63, 199)); };
    const auto queries = [&](int b) { return keys_of_block(a, 64, b).first; };
    CHECK(keys(block) <= keys(block - 1));
    CHECK(queries(block) >= queries(block - 1));
  }
}

}  // namespace hewn

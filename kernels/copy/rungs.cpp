#include "kernels/copy/rungs.h"

#include <algorithm>
#include <cstring>

#include "kernels/copy/element.h"
#include "kernels/parallel.h"

namespace hewn {
namespace {

constexpr int64_t piece = 4096;  // elements of a long row that are one item of work
constexpr int64_t tile = 32;     // side of a tile: two of 4-byte elements fill 8 KiB of the L1 cache

/// Where a row or tile starts: the sum of index times stride over the given dimensions, row-major.
struct Start {
  int64_t x = 0, y = 0;
};
Start start_of(const Copy& a, int dims, int64_t index) {
  Start s;
  for (int d = dims - 1; d >= 0; --d) {
    s.x += index % a.shape[d] * a.x_stride[d];
    s.y += index % a.shape[d] * a.y_stride[d];
    index /= a.shape[d];
  }
  return s;
}

template <class T>
void copy_row(const T* x, T* y, int64_t n, Write write) {
  if constexpr (std::is_floating_point_v<T>) {
    if (write == Write::add) {
      for (int64_t i = 0; i < n; ++i) y[i] += x[i];
      return;
    }
  }
  std::memcpy(y, x, static_cast<size_t>(n) * sizeof(T));
}

/// By way of doubles, so that 9 types need 18 loops and not 81.
void convert_row(const Copy& a, const uint8_t* x, uint8_t* y, int64_t n) {
  double values[256];
  for (int64_t first = 0; first < n; first += 256) {
    const int64_t count = std::min<int64_t>(256, n - first);
    with_type(a.from, [&]<class X>(X) {
      const X* from = reinterpret_cast<const X*>(x) + first;
      for (int64_t i = 0; i < count; ++i) values[i] = to_double(from[i]);
    });
    with_type(a.to, [&]<class Y>(Y) {
      Y* to = reinterpret_cast<Y*>(y) + first;
      for (int64_t i = 0; i < count; ++i)
        to[i] = from_double<Y>(a.to_y == Write::add ? to_double(to[i]) + values[i] : values[i]);
    });
  }
}

void copy_any_row(const Copy& a, const uint8_t* x, uint8_t* y, int64_t n) {
  if (a.from != a.to || (a.to_y == Write::add && size_of(a.to) == 2)) return convert_row(a, x, y, n);
  with_type(a.to,
            [&]<class T>(T) { copy_row(reinterpret_cast<const T*>(x), reinterpret_cast<T*>(y), n, a.to_y); });
}

/// Both sides contiguous along the last dimension.
void copy_rows(const Launch& launch, const Copy& a) {
  const int last = a.rank - 1;
  const int64_t cols = a.shape[last], pieces = blocks_of(cols, piece);
  int64_t rows = 1;
  for (int d = 0; d < last; ++d) rows *= a.shape[d];
  const auto x_size = static_cast<int64_t>(size_of(a.from)), y_size = static_cast<int64_t>(size_of(a.to));
  parallel_for(launch, rows * pieces, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const Start s = start_of(a, last, item / pieces);
      const int64_t first = item % pieces * piece, n = std::min(piece, cols - first);
      copy_any_row(a, static_cast<const uint8_t*>(a.x) + (s.x + first) * x_size,
                   static_cast<uint8_t*>(a.y) + (s.y + first) * y_size, n);
    }
  });
}

/// A tile of two dimensions: one along which x is contiguous (or nearly), one along which y is. A cache line
/// that was fetched for one element is used for its neighbours before it goes.
template <class X, class Y>
void copy_tiles(const Launch& launch, const Copy& a, int across) {
  const int last = a.rank - 1;
  Copy outer = a;  // the dimensions besides the two
  outer.rank = 0;
  int64_t outer_count = 1;
  for (int d = 0; d < last; ++d) {
    if (d == across) continue;
    outer.shape[outer.rank] = a.shape[d];
    outer.x_stride[outer.rank] = a.x_stride[d];
    outer.y_stride[outer.rank++] = a.y_stride[d];
    outer_count *= a.shape[d];
  }
  const int64_t down = blocks_of(a.shape[across], tile), along = blocks_of(a.shape[last], tile);
  parallel_for(launch, outer_count * down * along, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const Start s = start_of(outer, outer.rank, item / along / down);
      const int64_t i0 = item / along % down * tile, i1 = std::min(i0 + tile, a.shape[across]);
      const int64_t j0 = item % along * tile, j1 = std::min(j0 + tile, a.shape[last]);
      for (int64_t i = i0; i < i1; ++i) {
        const X* x = static_cast<const X*>(a.x) + s.x + i * a.x_stride[across];
        Y* y = static_cast<Y*>(a.y) + s.y + i * a.y_stride[across];
        for (int64_t j = j0; j < j1; ++j) {
          const X v = x[j * a.x_stride[last]];
          Y& to = y[j * a.y_stride[last]];
          if constexpr (std::is_same_v<X, Y> && std::is_integral_v<X>)
            to = v;
          else
            to = from_double<Y>(a.to_y == Write::add ? to_double(to) + to_double(v) : to_double(v));
        }
      }
    }
  });
}

/// The dimension besides the last along which x moves least: the other side of the tiles.
int dimension_across(const Copy& a) {
  int best = 0;
  for (int d = 1; d < a.rank - 1; ++d)
    if (a.shape[d] > 1 && a.x_stride[d] < a.x_stride[best]) best = d;
  return best;
}

/// A type of the same size whose values are copied bit by bit.
template <class F>
void with_bits(DType t, F f) {
  switch (size_of(t)) {
    case 8: return f(uint64_t{});
    case 4: return f(uint32_t{});
    case 2: return f(uint16_t{});
    default: return f(uint8_t{});
  }
}

}  // namespace

void copy_rows_and_tiles(const Launch& launch, const Copy& args) {
  Copy a = args;
  if (a.rank < 2 && (a.rank == 0 || a.x_stride[0] != 1 || a.y_stride[0] != 1)) {
    // As a column of rows, so that there are two dimensions.
    a.shape[1] = a.rank == 0 ? 1 : a.shape[0];
    a.x_stride[1] = a.rank == 0 ? 1 : a.x_stride[0];
    a.y_stride[1] = a.rank == 0 ? 1 : a.y_stride[0];
    a.shape[0] = 1;
    a.x_stride[0] = a.y_stride[0] = 0;
    a.rank = 2;
  }
  const int last = a.rank - 1;
  if (a.x_stride[last] == 1 && a.y_stride[last] == 1) return copy_rows(launch, a);
  if (a.from == a.to && a.to_y == Write::set)
    return with_bits(a.to, [&]<class T>(T) { copy_tiles<T, T>(launch, a, dimension_across(a)); });
  with_type(a.from, [&]<class X>(X) {
    with_type(a.to, [&]<class Y>(Y) { copy_tiles<X, Y>(launch, a, dimension_across(a)); });
  });
}

}  // namespace hewn

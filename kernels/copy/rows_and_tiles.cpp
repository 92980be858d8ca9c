#include "kernels/copy/abi.h"

#include <algorithm>
#include <cstring>

#include "kernels/contract/element.h"
#include "kernels/contract/parallel.h"

namespace hewn {
namespace {

constexpr int64_t piece = 4096;  // elements of a long row per work item
constexpr int64_t tile = 32;     // side of a tile: two tiles of 4-byte elements fill 8 KiB of the L1 cache

/// Where a row or tile starts: the sum of index times stride over the given dimensions, in row-major order.
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

/// copy_row for elements of y that are `stride` apart.
template <class T>
void write_line(const T* x, T* y, int64_t stride, int64_t n, Write write) {
  if (stride == 1) return copy_row(x, y, n, write);
  for (int64_t i = 0; i < n; ++i)
    y[i * stride] = write == Write::add ? static_cast<T>(y[i * stride] + x[i]) : x[i];
}

/// Converts through double, so that 9 types need 18 loops rather than 81.
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

/// Copies rows; both sides are contiguous along the last dimension.
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

/// Calls body(x, y, rows, cols), where x and y are the first elements, for tiles of two dimensions: one along
/// which x is contiguous (or nearly), and one along which y is. A cache line that was fetched for one element
/// is used for adjacent elements before it is evicted.
template <class Body>
void for_tiles(const Launch& launch, const Copy& a, int across, const Body& body) {
  const int last = a.rank - 1;
  Copy outer = a;  // all other dimensions
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
      const int64_t i = item / along % down * tile, j = item % along * tile;
      body(s.x + i * a.x_stride[across] + j * a.x_stride[last],
           s.y + i * a.y_stride[across] + j * a.y_stride[last], std::min(tile, a.shape[across] - i),
           std::min(tile, a.shape[last] - j));
    }
  });
}

/// Calls body(i, j) for all elements of a tile, those of a column one after the other if `by_column`.
template <class Body>
void for_elements(int64_t rows, int64_t cols, bool by_column, const Body& body) {
  if (by_column)
    for (int64_t j = 0; j < cols; ++j)
      for (int64_t i = 0; i < rows; ++i) body(i, j);
  else
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < cols; ++j) body(i, j);
}

/// Tiles of elements of one type, through memory of their own: cache lines that are a power of two apart evict each other
/// unless each is read or written at once.
template <class T>
void copy_tiles(const Launch& launch, const Copy& a, int across) {
  const int last = a.rank - 1;
  const int64_t x_down = a.x_stride[across], x_along = a.x_stride[last];
  const int64_t y_down = a.y_stride[across], y_along = a.y_stride[last];
  const bool columns = y_down < y_along;  // along which y is written
  for_tiles(launch, a, across, [&](int64_t x_first, int64_t y_first, int64_t rows, int64_t cols) {
    T here[tile][tile + 1];
    const T* const x = static_cast<const T*>(a.x) + x_first;
    T* const y = static_cast<T*>(a.y) + y_first;
    for_elements(rows, cols, x_down < x_along, [&](int64_t i, int64_t j) {
      (columns ? here[j][i] : here[i][j]) = x[i * x_down + j * x_along];
    });
    for (int64_t line = 0; line < (columns ? cols : rows); ++line)
      write_line(here[line], y + line * (columns ? y_along : y_down), columns ? y_down : y_along,
                 columns ? rows : cols, a.to_y);
  });
}

/// Tiles of elements of different types, converted through double like convert_row.
void convert_tiles(const Launch& launch, const Copy& a, int across) {
  const int last = a.rank - 1;
  for_tiles(launch, a, across, [&](int64_t x_first, int64_t y_first, int64_t rows, int64_t cols) {
    double values[tile];
    for (int64_t i = 0; i < rows; ++i) {
      with_type(a.from, [&]<class X>(X) {
        const X* x = static_cast<const X*>(a.x) + x_first + i * a.x_stride[across];
        for (int64_t j = 0; j < cols; ++j) values[j] = to_double(x[j * a.x_stride[last]]);
      });
      with_type(a.to, [&]<class Y>(Y) {
        Y* y = static_cast<Y*>(a.y) + y_first + i * a.y_stride[across];
        for (int64_t j = 0; j < cols; ++j) {
          Y& to = y[j * a.y_stride[last]];
          to = from_double<Y>(a.to_y == Write::add ? to_double(to) + values[j] : values[j]);
        }
      });
    }
  });
}

/// The dimension, other than the last, with the smallest stride of x: the other side of the tiles.
int dimension_across(const Copy& a) {
  int best = 0;
  for (int d = 1; d < a.rank - 1; ++d)
    if (a.shape[d] > 1 && a.x_stride[d] < a.x_stride[best]) best = d;
  return best;
}

/// Calls f with an integer type of the same size, whose values are copied bit by bit.
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

template <>
void kernel<"rows and tiles">(const Launch& launch, const Copy& args) {
  Copy a = args;
  if (a.rank < 2 && (a.rank == 0 || a.x_stride[0] != 1 || a.y_stride[0] != 1)) {
    // Treat it as one row [1, n], so that there are two dimensions.
    a.shape[1] = a.rank == 0 ? 1 : a.shape[0];
    a.x_stride[1] = a.rank == 0 ? 1 : a.x_stride[0];
    a.y_stride[1] = a.rank == 0 ? 1 : a.y_stride[0];
    a.shape[0] = 1;
    a.x_stride[0] = a.y_stride[0] = 0;
    a.rank = 2;
  }
  const int last = a.rank - 1;
  if (a.x_stride[last] == 1 && a.y_stride[last] == 1) return copy_rows(launch, a);
  const int across = dimension_across(a);
  if (a.from != a.to || (a.to_y == Write::add && a.to != DType::f32 && a.to != DType::f64))
    return convert_tiles(launch, a, across);
  if (a.to_y == Write::set) return with_bits(a.to, [&]<class T>(T) { copy_tiles<T>(launch, a, across); });
  a.to == DType::f32 ? copy_tiles<float>(launch, a, across) : copy_tiles<double>(launch, a, across);
}

}  // namespace hewn

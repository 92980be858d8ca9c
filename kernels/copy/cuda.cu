#include "kernels/copy/abi.h"

#include <limits>

#include "kernels/gpu/tiles/elements.cuh"

namespace hewn {
namespace {

constexpr int threads = 256;

// Operations on one element, given its positions in x and y.

/// Copies bit by bit.
template <class Word>
struct Same {
  const Word* x;
  Word* y;
  __device__ void operator()(int64_t from, int64_t to) const { y[to] = x[from]; }
};

template <class From, class To>
struct Convert {
  const From* x;
  To* y;
  Write how;
  __device__ void operator()(int64_t from, int64_t to) const { write(y + to, load_as<float>(x + from), how); }
};

/// Converts between any types through double, which represents all of them exactly except large i64.
struct ConvertAny {
  DType x_type, y_type;
  const void* x;
  void* y;
  Write how;

  static __device__ double read(DType type, const void* p, int64_t i) {
    switch (type) {
      case DType::f64: return static_cast<const double*>(p)[i];
      case DType::f32: return static_cast<const float*>(p)[i];
      case DType::bf16: return to_float(static_cast<const bf16*>(p)[i]);
      case DType::f16: return to_float(static_cast<const f16*>(p)[i]);
      case DType::i64: return static_cast<double>(static_cast<const int64_t*>(p)[i]);
      case DType::i32: return static_cast<const int32_t*>(p)[i];
      case DType::u16: return static_cast<const uint16_t*>(p)[i];
      case DType::i8: return static_cast<const int8_t*>(p)[i];
      case DType::u8: return static_cast<const uint8_t*>(p)[i];
    }
    return 0;
  }

  template <class T>
  static __device__ T whole(double v, T least, T most) {
    if (v != v) return 0;
    if (v >= static_cast<double>(most)) return most;
    if (v <= static_cast<double>(least)) return least;
    return static_cast<T>(v);
  }

  __device__ void operator()(int64_t from, int64_t to) const {
    const double v = read(x_type, x, from) + (how == Write::add ? read(y_type, y, to) : -0.0);
    switch (y_type) {
      case DType::f64: static_cast<double*>(y)[to] = v; return;
      case DType::f32: static_cast<float*>(y)[to] = static_cast<float>(v); return;
      case DType::bf16: static_cast<bf16*>(y)[to] = to_bf16(static_cast<float>(v)); return;
      case DType::f16: static_cast<f16*>(y)[to] = to_f16(static_cast<float>(v)); return;
      case DType::i64:
        static_cast<int64_t*>(y)[to] = whole<int64_t>(v, -0x7fffffffffffffff - 1, 0x7fffffffffffffff);
        return;
      case DType::i32: static_cast<int32_t*>(y)[to] = whole<int32_t>(v, -0x7fffffff - 1, 0x7fffffff); return;
      case DType::u16: static_cast<uint16_t*>(y)[to] = whole<uint16_t>(v, 0, 0xffff); return;
      case DType::i8: static_cast<int8_t*>(y)[to] = whole<int8_t>(v, -128, 127); return;
      case DType::u8: static_cast<uint8_t*>(y)[to] = whole<uint8_t>(v, 0, 255); return;
    }
  }
};

/// One element per thread. I is the index type, 32 bits where these suffice, because
/// divisions are cheaper then.
template <class I, class Put>
__global__ void __launch_bounds__(threads, blocks_with(threads, 48)) copy_strided(I n, Copy a, Put put) {
  const I step = static_cast<I>(gridDim.x) * threads;
  const int64_t first = a.y_row ? *a.y_row * a.y_row_stride : 0;
  for (I i = static_cast<I>(blockIdx.x) * threads + static_cast<I>(threadIdx.x); i < n; i += step) {
    I rest = i;
    int64_t from = 0, to = first;
    for (int d = a.rank - 1; d >= 0; --d) {
      const I size = static_cast<I>(a.shape[d]), index = rest % size;
      from += static_cast<int64_t>(index) * a.x_stride[d];
      to += static_cast<int64_t>(index) * a.y_stride[d];
      rest /= size;
    }
    put(from, to);
  }
}

template <class Put>
void strided(const Launch& on, const Copy& a, int64_t n, Put put) {
  const Grid grid{blocks_for(n, threads), threads};
  if (n < 0x7fffffff)
    launch(on, "copy_strided", grid, copy_strided<uint32_t, Put>, static_cast<uint32_t>(n), a, put);
  else
    launch(on, "copy_strided", grid, copy_strided<int64_t, Put>, n, a, put);
}

template <class Word>
void same(const Launch& on, const Copy& a, int64_t n) {
  strided(on, a, n, Same<Word>{static_cast<const Word*>(a.x), static_cast<Word*>(a.y)});
}

/// Whether elements are contiguous.
bool whole(const Copy& a, const int64_t (&stride)[Copy::max_dims]) {
  int64_t expected = 1;
  for (int d = a.rank - 1; d >= 0; expected *= a.shape[d--])
    if (a.shape[d] != 1 && stride[d] != expected) return false;
  return true;
}

struct Identity {
  template <class T>
  __device__ T operator()(T x) const {
    return x;
  }
};

struct ToBf16 {
  __device__ bf16 operator()(float x) const { return to_bf16(x); }
};

struct FromBf16 {
  __device__ float operator()(bf16 x) const { return to_float(x); }
};

template <class Word>
void bytes(const Launch& on, const Copy& a, int64_t n) {
  const int64_t words = n * static_cast<int64_t>(size_of(a.from)) / static_cast<int64_t>(sizeof(Word));
  map(on, "copy", words, static_cast<Word*>(a.y), Write::set, Identity{}, static_cast<const Word*>(a.x));
}

/// Copies elements without gaps; false if there is no kernel for these types.
bool copy_whole(const Launch& on, const Copy& a, int64_t n) {
  const bool set = a.to_y == Write::set;
  if (a.from == a.to && set) {
    const bool words = n * static_cast<int64_t>(size_of(a.from)) % 4 == 0 &&
                       aligned_for(1, static_cast<const uint32_t*>(a.x)) &&
                       aligned_for(1, static_cast<const uint32_t*>(a.y));
    words ? bytes<uint32_t>(on, a, n) : bytes<uint8_t>(on, a, n);
    return true;
  }
  auto* const y = static_cast<float*>(a.y);
  if (a.from == DType::f32 && a.to == DType::bf16 && set)
    map(on, "copy", n, static_cast<bf16*>(a.y), a.to_y, ToBf16{}, static_cast<const float*>(a.x));
  else if (a.from == DType::bf16 && a.to == DType::f32)
    map(on, "copy", n, y, a.to_y, FromBf16{}, static_cast<const bf16*>(a.x));
  else if (a.from == DType::f32 && a.to == DType::f32)
    map(on, "copy", n, y, a.to_y, Identity{}, static_cast<const float*>(a.x));
  else
    return false;
  return true;
}

template <class From, class To>
Convert<From, To> convert(const Copy& a) {
  return {static_cast<const From*>(a.x), static_cast<To*>(a.y), a.to_y};
}

}  // namespace

template <>
void kernel<"cuda", Isa::HEWN_ISA>(const Launch& on, const Copy& a) {
  int64_t n = 1;
  for (int d = 0; d < a.rank; ++d) n *= a.shape[d];
  if (!a.y_row && whole(a, a.x_stride) && whole(a, a.y_stride) && copy_whole(on, a, n)) return;
  if (a.from == a.to && a.to_y == Write::set) {
    switch (size_of(a.from)) {
      case 1: return same<uint8_t>(on, a, n);
      case 2: return same<uint16_t>(on, a, n);
      case 4: return same<uint32_t>(on, a, n);
      default: return same<uint64_t>(on, a, n);
    }
  }
  if (a.from == DType::f32 && a.to == DType::bf16) return strided(on, a, n, convert<float, bf16>(a));
  if (a.from == DType::bf16 && a.to == DType::f32) return strided(on, a, n, convert<bf16, float>(a));
  if (a.from == DType::f32 && a.to == DType::f32) return strided(on, a, n, convert<float, float>(a));
  strided(on, a, n, ConvertAny{a.from, a.to, a.x, a.y, a.to_y});
}

}  // namespace hewn

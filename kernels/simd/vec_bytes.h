#pragma once
// Blocks of 32 bytes and the exact sums of their products, for quantised numbers. A block is one vector of 32
// bytes, or two of 16 bytes if registers are shorter. AVX-512 also uses vectors of 32 bytes: these products
// are memory-bound, and every format has blocks of 32 bytes.

#include "core/dtype.h"
#include "kernels/simd/vec.h"

namespace hewn {
namespace {

constexpr int block_vector = HEWN_VBYTES < 32 ? HEWN_VBYTES : 32;  // in bytes
constexpr int block_parts = 32 / block_vector;

using ByteVector = uint8_t __attribute__((vector_size(block_vector)));
using WordVector = uint16_t __attribute__((vector_size(block_vector)));
using IntVector = int32_t __attribute__((vector_size(block_vector)));
using FloatVector = float __attribute__((vector_size(block_vector)));

using SixteenBytes = int8_t __attribute__((vector_size(16)));
using EightHalves = uint16_t __attribute__((vector_size(16)));

/// 32 bytes, signed or unsigned as their use requires.
struct Bytes {
  ByteVector part[block_parts];
};
/// Eight integers, eight floats.
struct Ints {
  IntVector part[block_parts];
};
struct Floats {
  FloatVector part[block_parts];
};

struct TwoFloats {
  float first, last;
};

/// The same operation for every part: `by_part<Ints>([&](int i) { return a.part[i] + b.part[i]; })`.
template <class P, class Operation>
HEWN_INLINE P by_part(const Operation& operation) {
  P p;
#pragma GCC unroll 2
  for (int i = 0; i < block_parts; ++i) p.part[i] = operation(i);
  return p;
}

HEWN_INLINE Bytes operator&(Bytes a, uint8_t b) {
  return by_part<Bytes>([&](int i) { return a.part[i] & b; });
}
HEWN_INLINE Bytes operator|(Bytes a, Bytes b) {
  return by_part<Bytes>([&](int i) { return a.part[i] | b.part[i]; });
}
HEWN_INLINE Bytes operator-(Bytes a, uint8_t b) {
  return by_part<Bytes>([&](int i) { return a.part[i] - b; });
}
HEWN_INLINE Ints operator+(Ints a, Ints b) {
  return by_part<Ints>([&](int i) { return a.part[i] + b.part[i]; });
}
HEWN_INLINE Ints operator-(Ints a, Ints b) {
  return by_part<Ints>([&](int i) { return a.part[i] - b.part[i]; });
}
HEWN_INLINE Ints operator*(Ints a, Ints b) {
  return by_part<Ints>([&](int i) { return a.part[i] * b.part[i]; });
}
HEWN_INLINE Ints operator*(Ints a, int32_t b) {
  return by_part<Ints>([&](int i) { return a.part[i] * b; });
}
HEWN_INLINE Floats operator*(Floats a, Floats b) {
  return by_part<Floats>([&](int i) { return a.part[i] * b.part[i]; });
}
HEWN_INLINE Floats operator*(Floats a, float b) {
  return by_part<Floats>([&](int i) { return a.part[i] * b; });
}

HEWN_INLINE Floats all_floats(float a) {
  return by_part<Floats>([&](int) { return a - FloatVector{}; });
}

/// Loads 32 bytes, integers or floats from any address.
template <class P>
HEWN_INLINE P load_parts(const void* from) {
  return by_part<P>([&](int i) {
    decltype(P::part[0] + 0) vector;
    __builtin_memcpy(&vector, static_cast<const char*>(from) + i * block_vector, block_vector);
    return vector;
  });
}
HEWN_INLINE Bytes load_bytes(const void* from) { return load_parts<Bytes>(from); }
HEWN_INLINE Ints load_ints(const int32_t* from) { return load_parts<Ints>(from); }
HEWN_INLINE Floats load_floats(const float* from) { return load_parts<Floats>(from); }

HEWN_INLINE Floats to_floats(Ints a) {
  return by_part<Floats>([&](int i) { return __builtin_convertvector(a.part[i], FloatVector); });
}

/// The bits of each byte shifted right by n, or left by -n, and masked. The mask must exclude bits that come from the
/// next byte.
template <int n>
HEWN_INLINE Bytes shifted(Bytes a, uint8_t mask) {
  return by_part<Bytes>([&](int i) {
    const auto words = reinterpret_cast<WordVector>(a.part[i]);
    if constexpr (n < 0)
      return reinterpret_cast<ByteVector>(words << -n) & mask;
    else
      return reinterpret_cast<ByteVector>(words >> n) & mask;
  });
}

// Operations that differ between instruction sets.
//
// half_bytes: the lower halves of 16 bytes, then their upper halves. two_sixteens: 16 bytes from each of two addresses.
// where_set: `value` in the bytes whose bit of the word is set, 0 in the others. widen_unsigned: eight
// unsigned bytes as integers. widen_first, widen_last: the first or last eight of 16 signed bytes as
// integers. widen_halves, widen_two, widen_half: eight numbers in half precision, two in a word, or one, as
// floats. halves_apart: eight of them, `distance` bytes apart.
//
// dot_unsigned and dot_signed add the products of 32 pairs of bytes without rounding: the four lower lanes
// add up to those of the first 16 pairs, the four upper lanes to those of the last 16. b is signed and at
// least -127; a is signed, or unsigned and at most 127. dot_unsigned of four adds the products of both twos,
// whose unsigned bytes are at most 64. dot_words adds the products of neighbours: lane j has those of
// elements 2j and 2j + 1.
//
// The joins add lanes within each half until each lane belongs to one sum: after join_twos, lanes j and j + 2
// belong to argument j; after join_fours of two such results, lane j belongs to sum j of four.

#if HEWN_VBYTES >= 32

HEWN_INLINE __m256i bits_of(Bytes a) { return reinterpret_cast<__m256i>(a.part[0]); }
HEWN_INLINE __m256i bits_of(Ints a) { return reinterpret_cast<__m256i>(a.part[0]); }
HEWN_INLINE Bytes as_bytes(__m256i a) { return {{reinterpret_cast<ByteVector>(a)}}; }
HEWN_INLINE Ints as_ints(__m256i a) { return {{reinterpret_cast<IntVector>(a)}}; }

HEWN_INLINE Bytes half_bytes(const uint8_t* from) {
  __m128i low;
  __builtin_memcpy(&low, from, sizeof low);
  return as_bytes(_mm256_set_m128i(_mm_srli_epi16(low, 4), low)) & 15;
}
HEWN_INLINE Bytes two_sixteens(const uint8_t* first, const uint8_t* last) {
  __m128i a, b;
  __builtin_memcpy(&a, first, sizeof a);
  __builtin_memcpy(&b, last, sizeof b);
  return as_bytes(_mm256_set_m128i(b, a));
}
HEWN_INLINE Bytes where_set(uint32_t word, uint8_t value) {
  const __m256i byte_of = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i bit_of = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  const __m256i bits =
      _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int32_t>(word)), byte_of), bit_of);
  return as_bytes(_mm256_cmpeq_epi8(bits, bit_of)) & value;
}
HEWN_INLINE Ints widen_unsigned(uint64_t bytes) {
  return as_ints(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(bytes))));
}
HEWN_INLINE Ints widen_first(SixteenBytes bytes) {
  return as_ints(_mm256_cvtepi8_epi32(reinterpret_cast<__m128i>(bytes)));
}
HEWN_INLINE Ints widen_last(SixteenBytes bytes) {
  return as_ints(_mm256_cvtepi8_epi32(_mm_srli_si128(reinterpret_cast<__m128i>(bytes), 8)));
}
// F16C, which every processor with AVX2 has, is not among the compiler's options for these instruction sets.
HEWN_INLINE Floats widen_halves(EightHalves halves) {
  Floats a;
  asm("vcvtph2ps %1, %0" : "=x"(a.part[0]) : "x"(halves));
  return a;
}
HEWN_INLINE TwoFloats widen_two(uint32_t halves) {
  __m128 a;
  asm("vcvtph2ps %1, %0" : "=x"(a) : "x"(_mm_cvtsi32_si128(static_cast<int32_t>(halves))));
  return {a[0], a[1]};
}
HEWN_INLINE float widen_half(uint16_t half) { return widen_two(half).first; }

HEWN_INLINE Ints dot_unsigned(Bytes a, Bytes b) {
#if defined(__AVX512VNNI__)
  return as_ints(_mm256_dpbusd_epi32(_mm256_setzero_si256(), bits_of(a), bits_of(b)));
#else
  return as_ints(_mm256_madd_epi16(_mm256_maddubs_epi16(bits_of(a), bits_of(b)), _mm256_set1_epi16(1)));
#endif
}
HEWN_INLINE Ints dot_unsigned(Bytes a, Bytes b, Bytes c, Bytes d) {
#if defined(__AVX512VNNI__)
  return as_ints(_mm256_dpbusd_epi32(bits_of(dot_unsigned(a, b)), bits_of(c), bits_of(d)));
#else
  const __m256i words = _mm256_add_epi16(_mm256_maddubs_epi16(bits_of(a), bits_of(b)),
                                         _mm256_maddubs_epi16(bits_of(c), bits_of(d)));
  return as_ints(_mm256_madd_epi16(words, _mm256_set1_epi16(1)));
#endif
}
HEWN_INLINE Ints dot_words(SixteenBytes a, const int16_t* b) {
  __m256i words;
  __builtin_memcpy(&words, b, sizeof words);
  return as_ints(_mm256_madd_epi16(_mm256_cvtepi8_epi16(reinterpret_cast<__m128i>(a)), words));
}
/// |a| is at most 128, which is an unsigned byte, and two products at most 32512, which is a signed word.
HEWN_INLINE Ints dot_signed(Bytes a, Bytes b) {
  return dot_unsigned(as_bytes(_mm256_abs_epi8(bits_of(a))),
                      as_bytes(_mm256_sign_epi8(bits_of(b), bits_of(a))));
}

HEWN_INLINE Ints join_twos(Ints a, Ints b) {
  return as_ints(_mm256_add_epi32(_mm256_unpacklo_epi32(bits_of(a), bits_of(b)),
                                  _mm256_unpackhi_epi32(bits_of(a), bits_of(b))));
}
HEWN_INLINE Ints join_fours(Ints a, Ints b) {
  return as_ints(_mm256_add_epi32(_mm256_unpacklo_epi64(bits_of(a), bits_of(b)),
                                  _mm256_unpackhi_epi64(bits_of(a), bits_of(b))));
}

HEWN_INLINE Floats fma(Floats a, Floats b, Floats c) {
  return {{_mm256_fmadd_ps(a.part[0], b.part[0], c.part[0])}};
}
HEWN_INLINE __m128 add_halves(Floats a) {
  return _mm256_castps256_ps128(a.part[0]) + _mm256_extractf128_ps(a.part[0], 1);
}

#else

HEWN_INLINE Bytes half_bytes(const uint8_t* from) {
  ByteVector low;
  __builtin_memcpy(&low, from, sizeof low);
  return {{low & 15, low >> 4}};
}
HEWN_INLINE Bytes two_sixteens(const uint8_t* first, const uint8_t* last) {
  return by_part<Bytes>([&](int i) {
    ByteVector bytes;
    __builtin_memcpy(&bytes, i == 0 ? first : last, sizeof bytes);
    return bytes;
  });
}
HEWN_INLINE Bytes where_set(uint32_t word, uint8_t value) {
  const ByteVector bit{1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  return by_part<Bytes>([&](int i) {
    const auto first = static_cast<uint8_t>(word >> 16 * i),
               second = static_cast<uint8_t>(word >> (16 * i + 8));
    const ByteVector its{first,  first,  first,  first,  first,  first,  first,  first,
                         second, second, second, second, second, second, second, second};
    return reinterpret_cast<ByteVector>((its & bit) == bit) & value;
  });
}
HEWN_INLINE Ints widen_unsigned(uint64_t bytes) {
  return by_part<Ints>([&](int i) {
    const auto at = [&](int j) { return static_cast<uint8_t>(bytes >> (32 * i + 8 * j)); };
    return IntVector{at(0), at(1), at(2), at(3)};
  });
}
HEWN_INLINE Ints widen_first(SixteenBytes b) {
  return by_part<Ints>([&](int i) { return IntVector{b[4 * i], b[4 * i + 1], b[4 * i + 2], b[4 * i + 3]}; });
}
HEWN_INLINE Ints widen_last(SixteenBytes b) {
  return by_part<Ints>([&](int i) {
    return IntVector{b[4 * i + 8], b[4 * i + 9], b[4 * i + 10], b[4 * i + 11]};
  });
}

#if defined(__aarch64__)

HEWN_INLINE float widen_half(uint16_t half) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half)))[0];
}
HEWN_INLINE Floats widen_halves(EightHalves halves) {
  const auto all = reinterpret_cast<float16x8_t>(halves);
  return {{reinterpret_cast<FloatVector>(vcvt_f32_f16(vget_low_f16(all))),
           reinterpret_cast<FloatVector>(vcvt_high_f32_f16(all))}};
}
HEWN_INLINE Ints dot_signed(Bytes a, Bytes b) {
  return by_part<Ints>([&](int i) {
    const auto x = reinterpret_cast<int8x16_t>(a.part[i]), y = reinterpret_cast<int8x16_t>(b.part[i]);
#if defined(__ARM_FEATURE_DOTPROD)
    return reinterpret_cast<IntVector>(vdotq_s32(vdupq_n_s32(0), x, y));
#else
    const int16x8_t pairs = vmlal_high_s8(vmull_s8(vget_low_s8(x), vget_low_s8(y)), x, y);
    return reinterpret_cast<IntVector>(vpaddlq_s16(pairs));
#endif
  });
}

#else

HEWN_INLINE float widen_half(uint16_t half) {
  Float16 number;
  number.bits = half;
  return static_cast<float>(number);
}
HEWN_INLINE Floats widen_halves(EightHalves halves) {
  return by_part<Floats>([&](int i) {
    const auto at = [&](int j) { return widen_half(halves[4 * i + j]); };
    return FloatVector{at(0), at(1), at(2), at(3)};
  });
}
HEWN_INLINE Ints dot_signed(Bytes a, Bytes b) {
  return by_part<Ints>([&](int i) {
    const auto x = reinterpret_cast<__m128i>(a.part[i]), y = reinterpret_cast<__m128i>(b.part[i]);
    const auto low = [](__m128i v) { return _mm_srai_epi16(_mm_unpacklo_epi8(v, v), 8); };
    const auto high = [](__m128i v) { return _mm_srai_epi16(_mm_unpackhi_epi8(v, v), 8); };
    return reinterpret_cast<IntVector>(
        _mm_add_epi32(_mm_madd_epi16(low(x), low(y)), _mm_madd_epi16(high(x), high(y))));
  });
}

#endif

HEWN_INLINE TwoFloats widen_two(uint32_t halves) {
  return {widen_half(static_cast<uint16_t>(halves)), widen_half(static_cast<uint16_t>(halves >> 16))};
}
HEWN_INLINE Ints dot_unsigned(Bytes a, Bytes b) { return dot_signed(a, b); }
HEWN_INLINE Ints dot_unsigned(Bytes a, Bytes b, Bytes c, Bytes d) {
  return dot_signed(a, b) + dot_signed(c, d);
}
HEWN_INLINE Ints dot_words(SixteenBytes a, const int16_t* b) {
  return by_part<Ints>([&](int i) {
    const auto at = [&](int j) { return a[8 * i + j] * b[8 * i + j]; };
    return IntVector{at(0) + at(1), at(2) + at(3), at(4) + at(5), at(6) + at(7)};
  });
}

HEWN_INLINE Ints join_twos(Ints a, Ints b) {
  return by_part<Ints>([&](int i) {
    return __builtin_shufflevector(a.part[i], b.part[i], 0, 4, 1, 5) +
           __builtin_shufflevector(a.part[i], b.part[i], 2, 6, 3, 7);
  });
}
HEWN_INLINE Ints join_fours(Ints a, Ints b) {
  return by_part<Ints>([&](int i) {
    return __builtin_shufflevector(a.part[i], b.part[i], 0, 1, 4, 5) +
           __builtin_shufflevector(a.part[i], b.part[i], 2, 3, 6, 7);
  });
}
HEWN_INLINE Floats fma(Floats a, Floats b, Floats c) {
  return by_part<Floats>([&](int i) { return fma(a.part[i], b.part[i], c.part[i]); });
}
HEWN_INLINE FloatVector add_halves(Floats a) { return a.part[0] + a.part[1]; }

#endif

template <int distance>
HEWN_INLINE EightHalves halves_apart(const uint8_t* from) {
#if HEWN_VBYTES == 64
  if constexpr (distance % 2 == 0 && 7 * distance + 2 <= 128) {
    constexpr short d = distance / 2;
    const __m512i at = _mm512_zextsi128_si512(_mm_setr_epi16(0, d, 2 * d, 3 * d, 4 * d, 5 * d, 6 * d, 7 * d));
    const __m512i all =
        _mm512_permutex2var_epi16(_mm512_loadu_si512(from), at, _mm512_loadu_si512(from + 64));
    EightHalves halves;
    __builtin_memcpy(&halves, &all, sizeof halves);
    return halves;
  }
#endif
  const auto at = [from](int i) {
    uint16_t half;
    __builtin_memcpy(&half, from + i * distance, sizeof half);
    return half;
  };
  return EightHalves{at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)};
}

/// The sum of the eight lanes, in the order of sum_lanes for a vector of 32 bytes.
HEWN_INLINE float sum_lanes(Floats a) {
  const auto four = add_halves(a);
  return (four[0] + four[2]) + (four[1] + four[3]);
}

}  // namespace
}  // namespace hewn

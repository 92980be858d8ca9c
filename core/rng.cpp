#include "core/rng.h"

#include <bit>
#include <cmath>

namespace hewn {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> c, std::array<uint32_t, 2> k) {
  constexpr uint64_t m0 = 0xD2511F53, m1 = 0xCD9E8D57;  // multipliers, table 2 of the paper
  constexpr uint32_t w0 = 0x9E3779B9, w1 = 0xBB67AE85;  // key increments: golden ratio, sqrt(3) - 1
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = m0 * c[0], p1 = m1 * c[2];
    c = {static_cast<uint32_t>(p1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(p1),
         static_cast<uint32_t>(p0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(p0)};
    k = {k[0] + w0, k[1] + w1};
  }
  return c;
}

uint32_t Rng::next_u32() {
  const uint64_t block = position_ / 4;
  if (block != block_) {
    words_ = philox({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32),
                     static_cast<uint32_t>(stream_), static_cast<uint32_t>(stream_ >> 32)},
                    {static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32)});
    block_ = block;
  }
  return words_[position_++ % 4];
}

uint64_t Rng::next_u64() {
  const uint64_t low = next_u32();
  return low | static_cast<uint64_t>(next_u32()) << 32;
}

double Rng::uniform_double() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

uint64_t Rng::below(uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  for (;;) {
    const Wide product = static_cast<Wide>(next_u64()) * n;
    const auto low = static_cast<uint64_t>(product);
    // The remainder is less than n, and nearly always need not be computed.
    if (low >= n || low >= (0 - n) % n) return static_cast<uint64_t>(product >> 64);
  }
}

double Rng::normal() {
  const double radius = 1.0 - uniform_double();  // in (0, 1]
  const double angle = uniform_double();
  return std::sqrt(-2.0 * portable_log(radius)) * portable_cos_2pi(angle);
}

double portable_log(double x) {
  // x = m 2^e with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh(s), s = (m - 1) / (m + 1), |s| < 0.172.
  int exponent = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    exponent = -54;
  }
  const auto bits = std::bit_cast<uint64_t>(x);
  exponent += static_cast<int>(bits >> 52 & 0x7ff) - 1023;
  double m = std::bit_cast<double>((bits & 0xfffffffffffffu) | 0x3ff0000000000000u);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    ++exponent;
  }
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double series = 0.0;
  for (int k = 23; k >= 3; k -= 2) series = (series + 1.0 / k) * z;
  constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;  // ln 2 in two parts
  return exponent * ln2_high + (2.0 * s + (2.0 * s * series + exponent * ln2_low));
}

double portable_cos_2pi(double t) {
  // Reduce to an angle r in [0, pi/4] within one octant, then use the Taylor series of sine or cosine.
  const double eighths = t * 8.0;
  const auto octant = static_cast<int>(eighths) & 7;
  double f = eighths - static_cast<double>(static_cast<int>(eighths));
  if (octant & 1) f = 1.0 - f;
  const double r = f * 0.78539816339744830962, z = r * r;
  double sine = 0.0, cosine = 0.0;
  for (int k = 9; k >= 1; --k) {
    cosine = (1.0 - cosine) * z / (2 * k * (2 * k - 1));
    sine = (1.0 - sine) * z / (2 * k * (2 * k + 1));
  }
  cosine = 1.0 - cosine;
  sine = (1.0 - sine) * r;
  const bool use_sine = octant == 1 || octant == 2 || octant == 5 || octant == 6;
  const double value = use_sine ? sine : cosine;
  return octant >= 2 && octant <= 5 ? -value : value;
}

}  // namespace hewn

#include "apps/page/sha256.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace hewn::cli {
namespace {

using Words = std::array<uint32_t, 8>;

struct Constants {
  Words first{};                   // of the square roots of the first primes, 32 bits behind the point
  std::array<uint32_t, 64> add{};  // of their cube roots

  Constants() {
    const auto bits = [](double root) {
      return static_cast<uint32_t>(std::ldexp(root - std::floor(root), 32));
    };
    size_t found = 0;
    for (int n = 2; found < add.size(); ++n) {
      bool prime = true;
      for (int d = 2; d * d <= n; ++d) prime &= n % d != 0;
      if (!prime) continue;
      if (found < first.size()) first[found] = bits(std::sqrt(n));
      add[found++] = bits(std::cbrt(n));
    }
  }
};

void add_block(Words& sum, const unsigned char* block, const Constants& constants) {
  const auto turned = [](uint32_t x, int a, int b) { return std::rotr(x, a) ^ std::rotr(x, b); };
  std::array<uint32_t, 64> w{};
  for (size_t t = 0; t < 64; ++t)
    if (t < 16)
      for (size_t i = 0; i < 4; ++i) w[t] = w[t] << 8U | block[4 * t + i];
    else
      w[t] = w[t - 16] + (turned(w[t - 15], 7, 18) ^ w[t - 15] >> 3U) + w[t - 7] +
             (turned(w[t - 2], 17, 19) ^ w[t - 2] >> 10U);
  auto [a, b, c, d, e, f, g, h] = sum;
  for (size_t t = 0; t < 64; ++t) {
    const uint32_t x =
        h + (turned(e, 6, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + constants.add[t] + w[t];
    const uint32_t y = (turned(a, 2, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + x, d = c, c = b, b = a, a = x + y;
  }
  const Words more{a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) sum[i] += more[i];
}

}  // namespace

std::string sha256(std::string_view text) {
  static const Constants constants;
  std::string bytes(text);
  bytes += '\x80';
  bytes.resize((bytes.size() + 8 + 63) / 64 * 64 - 8);
  for (int byte = 7; byte >= 0; --byte) bytes += static_cast<char>(uint64_t{8} * text.size() >> (8 * byte));
  Words sum = constants.first;
  for (size_t at = 0; at < bytes.size(); at += 64)
    add_block(sum, reinterpret_cast<const unsigned char*>(bytes.data()) + at, constants);
  std::string out;
  for (const uint32_t word : sum)
    for (int byte = 3; byte >= 0; --byte) out += static_cast<char>(word >> (8 * byte));
  return out;
}

}  // namespace hewn::cli

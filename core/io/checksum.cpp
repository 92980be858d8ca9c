#include "core/io/checksum.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include "core/error.h"

namespace hewn {
namespace {

static_assert(std::endian::native == std::endian::little,
              "file formats are little-endian; big-endian machines are not supported");

// The five odd primes of the specification; all arithmetic is modulo 2^64.
constexpr uint64_t p1 = 0x9E3779B185EBCA87u, p2 = 0xC2B2AE3D27D4EB4Fu, p3 = 0x165667B19E3779F9u,
                   p4 = 0x85EBCA77C2B2AE63u, p5 = 0x27D4EB2F165667C5u;

template <class T>
uint64_t load(const unsigned char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

uint64_t absorb(uint64_t lane, uint64_t input) { return std::rotl(lane + input * p2, 31) * p1; }

uint64_t merge(uint64_t sum, uint64_t lane) { return (sum ^ absorb(0, lane)) * p1 + p4; }

}  // namespace

std::array<uint64_t, 4> Checksum::initial_lanes() { return {p1 + p2, p2, 0, 0 - p1}; }

void Checksum::stripe(const unsigned char* bytes) {
  for (size_t i = 0; i < 4; ++i) lanes_[i] = absorb(lanes_[i], load<uint64_t>(bytes + 8 * i));
}

void Checksum::update(const void* data, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  const size_t waiting = total_ % rest_.size();
  total_ += size;
  if (waiting > 0) {
    const size_t taken = std::min(size, rest_.size() - waiting);
    std::copy_n(bytes, taken, rest_.data() + waiting);
    bytes += taken;
    size -= taken;
    if (waiting + taken < rest_.size()) return;
    stripe(rest_.data());
  }
  for (; size >= rest_.size(); bytes += rest_.size(), size -= rest_.size()) stripe(bytes);
  std::copy_n(bytes, size, rest_.data());
}

uint64_t Checksum::value() const {
  uint64_t sum = p5;
  if (total_ >= rest_.size()) {
    sum = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
          std::rotl(lanes_[3], 18);
    for (uint64_t lane : lanes_) sum = merge(sum, lane);
  }
  sum += total_;

  const unsigned char* bytes = rest_.data();
  size_t left = total_ % rest_.size();
  for (; left >= 8; bytes += 8, left -= 8) {
    sum = std::rotl(sum ^ absorb(0, load<uint64_t>(bytes)), 27) * p1 + p4;
  }
  for (; left >= 4; bytes += 4, left -= 4) sum = std::rotl(sum ^ load<uint32_t>(bytes) * p1, 23) * p2 + p3;
  for (; left > 0; ++bytes, --left) sum = std::rotl(sum ^ *bytes * p5, 11) * p1;

  sum = (sum ^ sum >> 33) * p2;
  sum = (sum ^ sum >> 29) * p3;
  return sum ^ sum >> 32;
}

uint64_t checksum(const void* data, size_t size) {
  Checksum sum;
  sum.update(data, size);
  return sum.value();
}

std::string to_hex(uint64_t value) {
  std::string digits(16, '0');
  for (size_t i = 16; i-- > 0; value >>= 4) digits[i] = "0123456789abcdef"[value & 15];
  return digits;
}

uint64_t from_hex(std::string_view digits) {
  const bool good =
      digits.size() == 16 && digits.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!good)
    fail(ErrorCode::input, "\"", digits, "\" is not a checksum; expected 16 lower-case hexadecimal digits");
  uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return value;
}

}  // namespace hewn

#pragma once
// Reads numbers and strings from untrusted bytes.

#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "core/error.h"

namespace hewn {

/// Reads bytes from front to back, never past their end: missing bytes throw ErrorCode::input, with `what`
/// naming their source.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, std::string_view what) : bytes_(bytes), what_(what) {}

  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  /// The next `n` bytes.
  std::string_view take(uint64_t n) {
    if (n > left()) {
      fail(ErrorCode::input, what_, " ends at byte ", bytes_.size(), ", but ", n,
           " bytes are expected at byte ", at_, "; was the file cut short?");
    }
    at_ += n;
    return bytes_.substr(at_ - n, n);
  }

  /// A little-endian number.
  template <class T>
  T number() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  /// Everything before `end`, which is skipped.
  std::string_view take_until(char end) {
    const size_t found = bytes_.find(end, at_);
    if (found == bytes_.npos)
      fail(ErrorCode::input, what_, " ends in the middle of a line; was the file cut short?");
    const std::string_view text = bytes_.substr(at_, found - at_);
    at_ = found + 1;
    return text;
  }

  /// A variable-length number with 7 bits per byte, lowest bits first
  /// (developers.google.com/protocol-buffers, "Base 128 varints").
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = number<uint8_t>();
      value |= uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    fail(ErrorCode::input, what_, " has a number of more than 64 bits before byte ", at_);
  }

 private:
  std::string_view bytes_, what_;
  size_t at_ = 0;
};

}  // namespace hewn

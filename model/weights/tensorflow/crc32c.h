#pragma once
// The checksum of TensorFlow's checkpoints: CRC-32C (Castagnoli's polynomial; RFC 3720, appendix B.4).

#include <cstdint>
#include <string_view>

namespace hewn {

/// The checksum of a piece of memory; 0xe3069283 for "123456789".
uint32_t crc32c(std::string_view bytes);

/// The stored form: rotated and offset, so that checksums of data containing checksums stay meaningful.
constexpr uint32_t masked_crc32c(uint32_t crc) { return (crc >> 15 | crc << 17) + 0xa282ead8u; }

}  // namespace hewn

#pragma once
// Register and shared-memory layouts as the PTX ISA 8.0 draws them, independent of the functions that kernels and the
// emulator share. Sections: "Matrix Fragments for mma.m16n8k16" and "mma.m16n8k8", "ldmatrix", "Register Fragments and
// Shared Memory Matrix Layouts" of wgmma, "Matrix Descriptor Format", "Canonical Layouts", "Swizzling Modes".

#include <array>
#include <cstdint>
#include <sstream>
#include <string>

namespace hewn::test {

// Fragments: each row of a table is a row of the matrix, and "9.2" is value 2 of lane 9.

/// A of mma.m16n8k16, .bf16.
inline constexpr const char* ptx_mma_a[16] = {
    "0.0 0.1 1.0 1.1 2.0 2.1 3.0 3.1 0.4 0.5 1.4 1.5 2.4 2.5 3.4 3.5",
    "4.0 4.1 5.0 5.1 6.0 6.1 7.0 7.1 4.4 4.5 5.4 5.5 6.4 6.5 7.4 7.5",
    "8.0 8.1 9.0 9.1 10.0 10.1 11.0 11.1 8.4 8.5 9.4 9.5 10.4 10.5 11.4 11.5",
    "12.0 12.1 13.0 13.1 14.0 14.1 15.0 15.1 12.4 12.5 13.4 13.5 14.4 14.5 15.4 15.5",
    "16.0 16.1 17.0 17.1 18.0 18.1 19.0 19.1 16.4 16.5 17.4 17.5 18.4 18.5 19.4 19.5",
    "20.0 20.1 21.0 21.1 22.0 22.1 23.0 23.1 20.4 20.5 21.4 21.5 22.4 22.5 23.4 23.5",
    "24.0 24.1 25.0 25.1 26.0 26.1 27.0 27.1 24.4 24.5 25.4 25.5 26.4 26.5 27.4 27.5",
    "28.0 28.1 29.0 29.1 30.0 30.1 31.0 31.1 28.4 28.5 29.4 29.5 30.4 30.5 31.4 31.5",
    "0.2 0.3 1.2 1.3 2.2 2.3 3.2 3.3 0.6 0.7 1.6 1.7 2.6 2.7 3.6 3.7",
    "4.2 4.3 5.2 5.3 6.2 6.3 7.2 7.3 4.6 4.7 5.6 5.7 6.6 6.7 7.6 7.7",
    "8.2 8.3 9.2 9.3 10.2 10.3 11.2 11.3 8.6 8.7 9.6 9.7 10.6 10.7 11.6 11.7",
    "12.2 12.3 13.2 13.3 14.2 14.3 15.2 15.3 12.6 12.7 13.6 13.7 14.6 14.7 15.6 15.7",
    "16.2 16.3 17.2 17.3 18.2 18.3 19.2 19.3 16.6 16.7 17.6 17.7 18.6 18.7 19.6 19.7",
    "20.2 20.3 21.2 21.3 22.2 22.3 23.2 23.3 20.6 20.7 21.6 21.7 22.6 22.7 23.6 23.7",
    "24.2 24.3 25.2 25.3 26.2 26.3 27.2 27.3 24.6 24.7 25.6 25.7 26.6 26.7 27.6 27.7",
    "28.2 28.3 29.2 29.3 30.2 30.3 31.2 31.3 28.6 28.7 29.6 29.7 30.6 30.7 31.6 31.7",
};

/// B of mma.m16n8k16, .bf16.
inline constexpr const char* ptx_mma_b[16] = {
    "0.0 4.0 8.0 12.0 16.0 20.0 24.0 28.0",  "0.1 4.1 8.1 12.1 16.1 20.1 24.1 28.1",
    "1.0 5.0 9.0 13.0 17.0 21.0 25.0 29.0",  "1.1 5.1 9.1 13.1 17.1 21.1 25.1 29.1",
    "2.0 6.0 10.0 14.0 18.0 22.0 26.0 30.0", "2.1 6.1 10.1 14.1 18.1 22.1 26.1 30.1",
    "3.0 7.0 11.0 15.0 19.0 23.0 27.0 31.0", "3.1 7.1 11.1 15.1 19.1 23.1 27.1 31.1",
    "0.2 4.2 8.2 12.2 16.2 20.2 24.2 28.2",  "0.3 4.3 8.3 12.3 16.3 20.3 24.3 28.3",
    "1.2 5.2 9.2 13.2 17.2 21.2 25.2 29.2",  "1.3 5.3 9.3 13.3 17.3 21.3 25.3 29.3",
    "2.2 6.2 10.2 14.2 18.2 22.2 26.2 30.2", "2.3 6.3 10.3 14.3 18.3 22.3 26.3 30.3",
    "3.2 7.2 11.2 15.2 19.2 23.2 27.2 31.2", "3.3 7.3 11.3 15.3 19.3 23.3 27.3 31.3",
};

/// C and D of mma.m16n8k16 and mma.m16n8k8, .f32.
inline constexpr const char* ptx_mma_c[16] = {
    "0.0 0.1 1.0 1.1 2.0 2.1 3.0 3.1",         "4.0 4.1 5.0 5.1 6.0 6.1 7.0 7.1",
    "8.0 8.1 9.0 9.1 10.0 10.1 11.0 11.1",     "12.0 12.1 13.0 13.1 14.0 14.1 15.0 15.1",
    "16.0 16.1 17.0 17.1 18.0 18.1 19.0 19.1", "20.0 20.1 21.0 21.1 22.0 22.1 23.0 23.1",
    "24.0 24.1 25.0 25.1 26.0 26.1 27.0 27.1", "28.0 28.1 29.0 29.1 30.0 30.1 31.0 31.1",
    "0.2 0.3 1.2 1.3 2.2 2.3 3.2 3.3",         "4.2 4.3 5.2 5.3 6.2 6.3 7.2 7.3",
    "8.2 8.3 9.2 9.3 10.2 10.3 11.2 11.3",     "12.2 12.3 13.2 13.3 14.2 14.3 15.2 15.3",
    "16.2 16.3 17.2 17.3 18.2 18.3 19.2 19.3", "20.2 20.3 21.2 21.3 22.2 22.3 23.2 23.3",
    "24.2 24.3 25.2 25.3 26.2 26.3 27.2 27.3", "28.2 28.3 29.2 29.3 30.2 30.3 31.2 31.3",
};

/// A of mma.m16n8k8, .tf32.
inline constexpr const char* ptx_tf32_a[16] = {
    "0.0 1.0 2.0 3.0 0.2 1.2 2.2 3.2",         "4.0 5.0 6.0 7.0 4.2 5.2 6.2 7.2",
    "8.0 9.0 10.0 11.0 8.2 9.2 10.2 11.2",     "12.0 13.0 14.0 15.0 12.2 13.2 14.2 15.2",
    "16.0 17.0 18.0 19.0 16.2 17.2 18.2 19.2", "20.0 21.0 22.0 23.0 20.2 21.2 22.2 23.2",
    "24.0 25.0 26.0 27.0 24.2 25.2 26.2 27.2", "28.0 29.0 30.0 31.0 28.2 29.2 30.2 31.2",
    "0.1 1.1 2.1 3.1 0.3 1.3 2.3 3.3",         "4.1 5.1 6.1 7.1 4.3 5.3 6.3 7.3",
    "8.1 9.1 10.1 11.1 8.3 9.3 10.3 11.3",     "12.1 13.1 14.1 15.1 12.3 13.3 14.3 15.3",
    "16.1 17.1 18.1 19.1 16.3 17.3 18.3 19.3", "20.1 21.1 22.1 23.1 20.3 21.3 22.3 23.3",
    "24.1 25.1 26.1 27.1 24.3 25.3 26.3 27.3", "28.1 29.1 30.1 31.1 28.3 29.3 30.3 31.3",
};

/// B of mma.m16n8k8, .tf32.
inline constexpr const char* ptx_tf32_b[8] = {
    "0.0 4.0 8.0 12.0 16.0 20.0 24.0 28.0",  "1.0 5.0 9.0 13.0 17.0 21.0 25.0 29.0",
    "2.0 6.0 10.0 14.0 18.0 22.0 26.0 30.0", "3.0 7.0 11.0 15.0 19.0 23.0 27.0 31.0",
    "0.1 4.1 8.1 12.1 16.1 20.1 24.1 28.1",  "1.1 5.1 9.1 13.1 17.1 21.1 25.1 29.1",
    "2.1 6.1 10.1 14.1 18.1 22.1 26.1 30.1", "3.1 7.1 11.1 15.1 19.1 23.1 27.1 31.1",
};

/// A matrix of ldmatrix.m8n8: the two elements of the register that each lane receives.
inline constexpr const char* ptx_ldmatrix[8] = {
    "0.0 0.1 1.0 1.1 2.0 2.1 3.0 3.1",         "4.0 4.1 5.0 5.1 6.0 6.1 7.0 7.1",
    "8.0 8.1 9.0 9.1 10.0 10.1 11.0 11.1",     "12.0 12.1 13.0 13.1 14.0 14.1 15.0 15.1",
    "16.0 16.1 17.0 17.1 18.0 18.1 19.0 19.1", "20.0 20.1 21.0 21.1 22.0 22.1 23.0 23.1",
    "24.0 24.1 25.0 25.1 26.0 26.1 27.0 27.1", "28.0 28.1 29.0 29.1 30.0 30.1 31.0 31.1",
};

/// D of wgmma.m64nNk16, .f32: rows 0 to 15 and columns 0 to 15. Each further 16 rows belong to the next 32 threads, and
/// each further 16 columns to the next 8 values.
inline constexpr const char* ptx_wgmma_d[16] = {
    "0.0 0.1 1.0 1.1 2.0 2.1 3.0 3.1 0.4 0.5 1.4 1.5 2.4 2.5 3.4 3.5",
    "4.0 4.1 5.0 5.1 6.0 6.1 7.0 7.1 4.4 4.5 5.4 5.5 6.4 6.5 7.4 7.5",
    "8.0 8.1 9.0 9.1 10.0 10.1 11.0 11.1 8.4 8.5 9.4 9.5 10.4 10.5 11.4 11.5",
    "12.0 12.1 13.0 13.1 14.0 14.1 15.0 15.1 12.4 12.5 13.4 13.5 14.4 14.5 15.4 15.5",
    "16.0 16.1 17.0 17.1 18.0 18.1 19.0 19.1 16.4 16.5 17.4 17.5 18.4 18.5 19.4 19.5",
    "20.0 20.1 21.0 21.1 22.0 22.1 23.0 23.1 20.4 20.5 21.4 21.5 22.4 22.5 23.4 23.5",
    "24.0 24.1 25.0 25.1 26.0 26.1 27.0 27.1 24.4 24.5 25.4 25.5 26.4 26.5 27.4 27.5",
    "28.0 28.1 29.0 29.1 30.0 30.1 31.0 31.1 28.4 28.5 29.4 29.5 30.4 30.5 31.4 31.5",
    "0.2 0.3 1.2 1.3 2.2 2.3 3.2 3.3 0.6 0.7 1.6 1.7 2.6 2.7 3.6 3.7",
    "4.2 4.3 5.2 5.3 6.2 6.3 7.2 7.3 4.6 4.7 5.6 5.7 6.6 6.7 7.6 7.7",
    "8.2 8.3 9.2 9.3 10.2 10.3 11.2 11.3 8.6 8.7 9.6 9.7 10.6 10.7 11.6 11.7",
    "12.2 12.3 13.2 13.3 14.2 14.3 15.2 15.3 12.6 12.7 13.6 13.7 14.6 14.7 15.6 15.7",
    "16.2 16.3 17.2 17.3 18.2 18.3 19.2 19.3 16.6 16.7 17.6 17.7 18.6 18.7 19.6 19.7",
    "20.2 20.3 21.2 21.3 22.2 22.3 23.2 23.3 20.6 20.7 21.6 21.7 22.6 22.7 23.6 23.7",
    "24.2 24.3 25.2 25.3 26.2 26.3 27.2 27.3 24.6 24.7 25.6 25.7 26.6 26.7 27.6 27.7",
    "28.2 28.3 29.2 29.3 30.2 30.3 31.2 31.3 28.6 28.7 29.6 29.7 30.6 30.7 31.6 31.7",
};

struct Holder {
  int lane, value;
};

/// Who holds element (row, col) of a fragment.
template <size_t rows>
Holder holder(const char* const (&table)[rows], int row, int col) {
  std::istringstream cells(table[row]);
  std::string cell;
  for (int c = 0; c <= col; ++c) cells >> cell;
  const size_t dot = cell.find('.');
  return {std::stoi(cell.substr(0, dot)), std::stoi(cell.substr(dot + 1))};
}

/// The thread of a warpgroup that holds element (row, col) of D, and which of its values that is.
inline Holder holder_of_sum(int row, int col) {
  const Holder first = holder(ptx_wgmma_d, row % 16, col % 16);
  return {first.lane + row / 16 * 32, first.value + col / 16 * 8};
}

/// 128-byte swizzle: the place of each 16-byte chunk of a row of 128 bytes, for eight consecutive rows.
inline constexpr uint32_t ptx_swizzle_128[8][8] = {
    {0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}, {2, 3, 0, 1, 6, 7, 4, 5}, {3, 2, 1, 0, 7, 6, 5, 4},
    {4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 7, 6, 1, 0, 3, 2}, {6, 7, 4, 5, 2, 3, 0, 1}, {7, 6, 5, 4, 3, 2, 1, 0},
};

/// Byte of bf16 element `col` of row `row`, of 128 bytes, in memory with this swizzle.
inline uint32_t swizzled_128(int row, int col) {
  return static_cast<uint32_t>(row * 128 + col % 8 * 2) + ptx_swizzle_128[row % 8][col / 8] * 16;
}

/// Fields of the 64-bit matrix descriptor of wgmma: bits 0 to 13, 16 to 29 and 32 to 45 hold byte offsets
/// divided by 16, bits 49 to 51 the base offset, bits 62 and 63 the swizzling mode.
struct DescriptorFields {
  uint32_t start, leading, stride, base, mode;
};
inline DescriptorFields fields_of(uint64_t descriptor) {
  const auto bits = [&](int from, int count) {
    return static_cast<uint32_t>(descriptor >> from & ((uint64_t{1} << count) - 1));
  };
  return {16 * bits(0, 14), 16 * bits(16, 14), 16 * bits(32, 14), bits(49, 3), bits(62, 2)};
}
inline constexpr uint32_t mode_128_bytes = 1;

/// Byte of element (s, k) of a wgmma operand with the 128-byte mode, by the canonical layouts, in elements of bf16
/// (T = 8): K-major ((8,m),(T,2k)):((8T,SBO),(1,T)), else ((T,8,m),(8,k)):((1,T,LBO),(8T,SBO)); then Swizzle<3,4,3>,
/// which exchanges the 16-byte chunks of each 1024 bytes as in ptx_swizzle_128.
inline uint32_t canonical_byte(const DescriptorFields& d, bool k_major, int s, int k) {
  constexpr int T = 8;
  const int plain = k_major ? s % 8 * (8 * T) + k % T + k / T * T : s % T + s / T % 8 * T + k % 8 * (8 * T);
  const auto far =
      k_major ? static_cast<uint32_t>(s / 8) * d.stride
              : static_cast<uint32_t>(s / (8 * T)) * d.leading + static_cast<uint32_t>(k / 8) * d.stride;
  const uint32_t byte = d.start + far + static_cast<uint32_t>(plain) * 2;
  return byte / 128 * 128 + ptx_swizzle_128[byte / 128 % 8][byte % 128 / 16] * 16 + byte % 16;
}

}  // namespace hewn::test

// Layouts are those of the PTX ISA: the functions that kernels and emulator share agree with its tables, and so do the
// emulated instructions, whose operands are placed here by the tables alone.

#include <algorithm>
#include <vector>

#include "kernels/gpu/tiles/hopper.cuh"
#include "tests/kernels/gpu/ptx_tables.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using test::Holder;
using test::holder;

/// Whether place(lane, i) is where the table has value i of the lane, for all elements.
template <size_t rows>
bool places_as(const char* const (&table)[rows], int cols, Element (*place)(int lane, int i)) {
  for (int r = 0; r < static_cast<int>(rows); ++r)
    for (int c = 0; c < cols; ++c) {
      const Holder h = holder(table, r, c);
      const Element e = place(h.lane, h.value);
      if (e.row != r || e.col != c) return false;
    }
  return true;
}

/// Numbers whose products and sums are exact in bf16, TF32 and float, without symmetries.
struct ExactNumbers {
  std::vector<float> at;
  int cols;
  ExactNumbers(int rows, int cols_, int seed) : cols(cols_) {
    for (int i = 0; i < rows * cols; ++i)
      at.push_back(static_cast<float>((i * 37 + i / cols * 11 + seed) % 61 - 30));
  }
  float operator()(int r, int c) const { return at[static_cast<size_t>(r * cols + c)]; }
};

float product_at(const ExactNumbers& a, const ExactNumbers& b, int terms, int r, int c) {
  float sum = 0;
  for (int k = 0; k < terms; ++k) sum += a(r, k) * b(k, c);
  return sum;
}

struct Registers {
  uint32_t a[32][4], b[32][2];
  float c[32][4];
};

template <bool tf32>
__global__ void multiply_registers_of_lanes(Registers* all) {
  Registers& mine = *all;
  const int lane = static_cast<int>(threadIdx.x);
  if constexpr (tf32)
    mma_tf32(mine.c[lane], mine.a[lane], mine.b[lane]);
  else
    mma(mine.c[lane], mine.a[lane], mine.b[lane]);
}

void put_bf16(uint32_t* registers, int value, float x) {
  registers[value / 2] |= static_cast<uint32_t>(to_bf16(x).bits) << (16 * (value % 2));
}

/// Runs ldmatrix on four matrices, the rows of which lie in shared memory in reverse order.
template <bool transposed>
__global__ void load_four_matrices(const bf16* from, uint32_t (*to)[4]) {
  struct alignas(16) Memory {
    bf16 rows[32][8];
  };
  Memory& memory = shared_memory<Memory>();
  const int lane = static_cast<int>(threadIdx.x);
  std::memcpy(memory.rows[31 - lane], from + 8 * lane, 16);
  __syncthreads();
  load_matrices<transposed>(to[lane], memory.rows[31 - lane]);
}

constexpr int group_bytes = (64 + 128) * 64 * 2;  // A [64, 64] and B [64, 128]

/// The sums of a warpgroup for operands that lie in shared memory as in `image`.
template <bool a_along, bool b_along>
__global__ void multiply_image(const uint8_t* image, float (*to)[64]) {
  auto* const bytes = dynamic_shared<uint8_t>();
  for (int i = static_cast<int>(threadIdx.x); i < group_bytes; i += 128) bytes[i] = image[i];
  publish_writes();
  __syncthreads();
  float sum[64] = {};
  begin_products();
  for (int k = 0; k < 64; k += 16)
    multiply_group<a_along, b_along>(sum, descriptor_of(operand_at<a_along, 64>(0, k)),
                                     descriptor_of(operand_at<b_along, 64>(64 * 128, k)));
  end_products();
  await_products<0>();
  for (int i = 0; i < 64; ++i) to[threadIdx.x][i] = sum[i];
}

template <bool a_along, bool b_along>
bool multiplies_as_in_ptx() {
  const ExactNumbers a(64, 64, 3), b(64, 128, 5);
  // The descriptors' offsets of whole stages: 1024 bytes from eight rows, or terms, to the next eight; and 64 rows of
  // 128 bytes from 64 of the span to the next 64.
  const test::DescriptorFields at_a{0, 64 * 128, 1024, 0, 1}, at_b{64 * 128, 64 * 128, 1024, 0, 1};
  std::vector<uint8_t> image(group_bytes);
  const auto put = [&](uint32_t byte, float x) {
    const bf16 value = to_bf16(x);
    std::memcpy(&image[byte], &value, 2);
  };
  for (int k = 0; k < 64; ++k) {
    for (int r = 0; r < 64; ++r) put(test::canonical_byte(at_a, !a_along, r, k), a(r, k));
    for (int c = 0; c < 128; ++c) put(test::canonical_byte(at_b, !b_along, c, k), b(k, c));
  }
  float sums[128][64];
  launch(Launch{}, "multiply_image", {1, 128, group_bytes}, multiply_image<a_along, b_along>, image.data(),
         &sums[0]);
  for (int r = 0; r < 64; ++r)
    for (int c = 0; c < 128; ++c) {
      const Holder h = test::holder_of_sum(r, c);
      if (sums[h.lane][h.value] != product_at(a, b, 64, r, c)) return false;
    }
  return true;
}

template <bool along>
void check_operands(uint32_t start, int span) {
  bool same = true;
  for (int term = 0; term < 64; term += 16) {
    const uint64_t descriptor = descriptor_of(operand_at<along, 64>(start, term));
    const test::DescriptorFields fields = test::fields_of(descriptor);
    CHECK((fields.base == 0 && fields.mode == test::mode_128_bytes && fields.stride == 1024));
    for (int s = 0; s < span; ++s)
      for (int k = 0; k < 16; ++k)
        same &= byte_of<along>(operand_of(descriptor), s, k) == test::canonical_byte(fields, !along, s, k);
  }
  CHECK(same);
}

__global__ void fetch_box(TensorMap map, uint8_t* to) {
  auto* const bytes = dynamic_shared<uint8_t>();
  Barrier& full = shared_memory<Barrier>();
  if (threadIdx.x == 0) {
    make_barrier(full, 1);
    publish_barriers();
    arrive_expecting(full, 64 * 128);
    copy_box(bytes, map, 3, 8, full);
  }
  __syncthreads();
  await_phase(full, 0);
  for (int i = static_cast<int>(threadIdx.x); i < 64 * 128; i += 32) to[i] = bytes[i];
}

}  // namespace

TEST_CASE("PTX: fragments are placed as in its tables") {
  CHECK(places_as(test::ptx_mma_a, 16, place_in_a));
  CHECK(places_as(test::ptx_mma_b, 8, place_in_b));
  CHECK(places_as(test::ptx_mma_c, 8, place_in_c));
  CHECK(places_as(test::ptx_tf32_a, 8, place_in_tf32_a));
  CHECK(places_as(test::ptx_tf32_b, 8, place_in_tf32_b));
  CHECK(places_as(test::ptx_ldmatrix, 8, place_in_matrix));
  CHECK_FALSE(places_as(
      test::ptx_mma_a, 16, +[](int lane, int i) { return place_in_a(lane, i ^ 2); }));
  bool same = true;
  for (int r = 0; r < 64; ++r)
    for (int c = 0; c < 128; ++c) {
      const Holder h = test::holder_of_sum(r, c);
      const Element e = place_in_group(h.lane, h.value);
      same &= e.row == r && e.col == c;
    }
  CHECK(same);
}

TEST_CASE("PTX: mma multiplies registers filled as in its tables") {
  const ExactNumbers a(16, 16, 1), b(16, 8, 2);
  Registers bits{}, tf32{};
  for (int r = 0; r < 16; ++r)
    for (int k = 0; k < 16; ++k) {
      const Holder h = holder(test::ptx_mma_a, r, k);
      put_bf16(bits.a[h.lane], h.value, a(r, k));
      if (k >= 8) continue;
      const Holder t = holder(test::ptx_tf32_a, r, k);
      tf32.a[t.lane][t.value] = __float_as_uint(a(r, k));
    }
  for (int k = 0; k < 16; ++k)
    for (int c = 0; c < 8; ++c) {
      const Holder h = holder(test::ptx_mma_b, k, c);
      put_bf16(bits.b[h.lane], h.value, b(k, c));
      if (k >= 8) continue;
      const Holder t = holder(test::ptx_tf32_b, k, c);
      tf32.b[t.lane][t.value] = __float_as_uint(b(k, c));
    }
  launch(Launch{}, "mma", {1, 32}, multiply_registers_of_lanes<false>, &bits);
  launch(Launch{}, "mma_tf32", {1, 32}, multiply_registers_of_lanes<true>, &tf32);
  for (int r = 0; r < 16; ++r)
    for (int c = 0; c < 8; ++c) {
      const Holder h = holder(test::ptx_mma_c, r, c);
      CHECK(bits.c[h.lane][h.value] == product_at(a, b, 16, r, c));
      CHECK(tf32.c[h.lane][h.value] == product_at(a, b, 8, r, c));
    }
}

TEST_CASE("PTX: ldmatrix gives each lane the elements of its table") {
  std::vector<bf16> from;
  for (int i = 0; i < 32 * 8; ++i) from.push_back(to_bf16(static_cast<float>(i)));
  uint32_t plain[32][4], transposed[32][4];
  launch(Launch{}, "ldmatrix", {1, 32}, load_four_matrices<false>, from.data(), &plain[0]);
  launch(Launch{}, "ldmatrix_trans", {1, 32}, load_four_matrices<true>, from.data(), &transposed[0]);
  for (int matrix = 0; matrix < 4; ++matrix)
    for (int r = 0; r < 8; ++r)
      for (int c = 0; c < 8; ++c) {
        const Holder h = holder(test::ptx_ldmatrix, r, c);
        const auto element = [&](const uint32_t(&all)[32][4]) {
          return to_float(bf16{static_cast<uint16_t>(all[h.lane][matrix] >> (16 * h.value))});
        };
        CHECK(element(plain) == static_cast<float>(matrix * 64 + r * 8 + c));
        CHECK(element(transposed) == static_cast<float>(matrix * 64 + c * 8 + r));
      }
}

TEST_CASE("PTX: operands of wgmma lie in the canonical layouts") {
  check_operands<false>(0, 128);
  check_operands<false>(3 * 16384, 64);
  check_operands<true>(0, 128);
  check_operands<true>(5 * 16384, 64);
  CHECK(test::fields_of(descriptor_of(operand_at<true, 64>(16384, 16))).leading == 64 * 128);
  CHECK(test::fields_of(descriptor_of(operand_at<false, 64>(16384, 16))).start == 16384 + 32);
}

TEST_CASE("PTX: wgmma multiplies operands that lie in the canonical layouts") {
  for (const uint64_t order : {uint64_t{0}, uint64_t{9}}) {
    emulator::options().order = order;
    CHECK(multiplies_as_in_ptx<false, false>());
    CHECK(multiplies_as_in_ptx<false, true>());
    CHECK(multiplies_as_in_ptx<true, false>());
    CHECK(multiplies_as_in_ptx<true, true>());
  }
  emulator::options().order = 0;
}

TEST_CASE("PTX: boxes are swizzled as in its table") {
  struct alignas(16) Matrix {
    bf16 at[80][80];
  };
  std::vector<Matrix> matrix(1);
  for (int r = 0; r < 80; ++r)
    for (int c = 0; c < 80; ++c) matrix[0].at[r][c] = bf16{static_cast<uint16_t>(r * 80 + c)};
  std::vector<uint8_t> box(64 * 128);
  launch(Launch{}, "fetch_box", {1, 32, 64 * 128}, fetch_box, tensor_map({matrix[0].at, 80, 80, 80, 64}),
         box.data());
  bool same = true;
  for (int r = 0; r < 64; ++r)
    for (int c = 0; c < 64; ++c) {
      uint16_t bits = 0;
      std::memcpy(&bits, &box[test::swizzled_128(r, c)], 2);
      same &= bits == (r + 3) * 80 + c + 8;
    }
  CHECK(same);
}

}  // namespace hewn

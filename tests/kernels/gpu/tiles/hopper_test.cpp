// Operand layouts for Hopper's instructions: every element occurs once, there are no bank conflicts, and
// boxes of the copy engine are read as they were written.

#include "kernels/gpu/tiles/hopper.cuh"

#include <set>
#include <string>
#include <vector>

#include "tests/kernels/gpu/failure.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

/// The byte offset of element (s, k) of a stage whose boxes are copied one after the other; a row of a box is
/// 128 bytes. `along`: memory rows run along the span.
template <bool along>
uint32_t as_copied(uint32_t start, int depth, int s, int k) {
  const int box = along ? s / 64 : 0, row = along ? k : s, col = along ? s % 64 : k;
  return swizzled_byte(start + static_cast<uint32_t>((box * depth + row) * 128 + col * 2));
}

template <bool along>
void check_operand(uint32_t start, int span) {
  std::set<uint32_t> seen;
  for (int term = 0; term < 64; term += 16) {
    const SharedOperand x = operand_of(descriptor_of(operand_at<along, 64>(start, term)));
    for (int s = 0; s < span; ++s)
      for (int k = 0; k < 16; ++k) {
        CHECK(byte_of<along>(x, s, k) == as_copied<along>(start, 64, s, term + k));
        seen.insert(byte_of<along>(x, s, k));
      }
  }
  CHECK(seen.size() == static_cast<size_t>(span) * 64);
  CHECK(*seen.begin() == start);
  CHECK(*seen.rbegin() == start + static_cast<uint32_t>(span) * 128 - 2);
}

struct Boxes {
  bf16 at[2][64 * 64];
};

/// Copies two boxes of 64 x 64 element by element to `to`, after waiting for them if `awaited`.
template <bool awaited>
__global__ void through_boxes(TensorMap map, float* to) {
  auto* const boxes = dynamic_shared<Boxes>();
  Barrier& full = shared_memory<Barrier>();
  if (threadIdx.x == 0) {
    make_barrier(full, 1);
    publish_barriers();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    arrive_expecting(full, sizeof(Boxes));
    for (int i = 0; i < 2; ++i) copy_box(boxes->at[i], map, 0, 64 * i, full);
  }
  if constexpr (awaited) await_phase(full, 0);
  __syncthreads();
  const auto* const bytes = dynamic_shared<uint8_t>();
  for (int e = static_cast<int>(threadIdx.x); e < 64 * 128; e += 32) {
    bf16 x;
    std::memcpy(&x, bytes + as_copied<true>(0, 64, e % 128, e / 128), 2);
    to[e] = to_float(x);
  }
}

/// A ring of one element: lane 0 passes `rounds` numbers to all lanes of another warp, which
/// release the element.
__global__ void hand_over(int rounds, int* to) {
  struct Ring {
    Barrier full, empty;
    int value;
  };
  Ring& ring = shared_memory<Ring>();
  if (threadIdx.x == 0) {
    make_barrier(ring.full, 1);
    make_barrier(ring.empty, 32);
  }
  __syncthreads();
  for (int n = 0; n < rounds; ++n) {
    const auto parity = static_cast<uint32_t>(n % 2);
    if (threadIdx.x == 0) {
      if (n > 0) await_phase(ring.empty, parity ^ 1);
      ring.value = 10 * n;
      arrive(ring.full);
    } else if (threadIdx.x >= 32) {
      await_phase(ring.full, parity);
      to[32 * n + static_cast<int>(threadIdx.x) - 32] = ring.value;
      arrive(ring.empty);
    }
  }
}

__global__ void never_full() {
  Barrier& full = shared_memory<Barrier>();
  if (threadIdx.x == 0) {
    make_barrier(full, 1);
    arrive_expecting(full, 128);
  }
  __syncthreads();
  if (threadIdx.x == 7) await_phase(full, 0);
}

__global__ void too_many() {
  Barrier& full = shared_memory<Barrier>();
  if (threadIdx.x == 0) {
    make_barrier(full, 2);
    arrive_expecting(full, 64);
    for (int i = 0; i < 2; ++i) arrive(full);
  }
}

}  // namespace

TEST_CASE("a warpgroup's sums cover every element of the product once") {
  std::set<std::pair<int, int>> seen;
  for (int thread = 0; thread < 128; ++thread)
    for (int i = 0; i < 64; ++i) {
      const Element e = place_in_group(thread, i);
      CHECK((e.row / 16 == thread / 32 && e.row < 64 && e.col >= 0 && e.col < 128));
      CHECK((e.row % 8 == place_in_c(thread % 32, i % 4).row % 8 &&
             e.col % 8 == place_in_c(thread % 32, i % 4).col));
      seen.emplace(e.row, e.col);
    }
  CHECK(seen.size() == 64 * 128);
}

TEST_CASE("wgmma reads a stage where the copy engine wrote it") {
  check_operand<false>(0, 64);
  check_operand<false>(8192, 64);  // the rows of the second group
  check_operand<false>(3 * 16384, 128);
  check_operand<true>(0, 64);
  check_operand<true>(8192, 64);
  check_operand<true>(5 * 16384, 128);
}

TEST_CASE("descriptors: addresses in units of 16 bytes, the swizzle in the upper bits") {
  CHECK(descriptor_of({0, 16, 1024}) == 0x4000'0040'0001'0000u);
  CHECK(descriptor_of({0x1c820, 8192, 1024}) == 0x4000'0040'0200'1c82u);
  const SharedOperand x = operand_of(descriptor_of({196608, 8192, 1024}));
  CHECK((x.start == 196608 && x.leading == 8192 && x.stride == 1024));
}

TEST_CASE("eight rows of 16 bytes are in different banks") {
  for (uint32_t piece = 0; piece < 8; ++piece) {
    std::set<uint32_t> down, across;
    for (uint32_t i = 0; i < 8; ++i) {
      down.insert(swizzled_byte(i * 128 + piece * 16) % 128);
      across.insert(swizzled_byte(piece * 128 + i * 16) % 128);
    }
    CHECK((down.size() == 8 && across.size() == 8));
  }
}

TEST_CASE("boxes arrive swizzled, with zeros beyond the matrix, when they are awaited") {
  const int rows = 50, cols = 101, ld = 104;
  std::vector<bf16> from(static_cast<size_t>(rows * ld) + 8);
  auto* const data = reinterpret_cast<bf16*>((reinterpret_cast<uintptr_t>(from.data()) + 15) / 16 * 16);
  for (int i = 0; i < rows * ld; ++i) data[i] = to_bf16(static_cast<float>(i % 251 + 1));
  std::vector<float> to(64 * 128);
  const TensorMap map = tensor_map({data, rows, cols, ld, 64});
  for (const uint64_t order : {uint64_t{0}, uint64_t{17}}) {
    emulator::options().order = order;
    launch(Launch{}, "awaited", {1, 32, sizeof(Boxes)}, through_boxes<true>, map, to.data());
    for (int e = 0; e < 64 * 128; ++e) {
      const int r = e / 128, c = e % 128;
      CHECK(to[static_cast<size_t>(e)] ==
            (r < rows && c < cols ? static_cast<float>((r * ld + c) % 251 + 1) : 0.0f));
    }
  }
  CHECK_THAT(test::failure_of({1, 32, sizeof(Boxes)}, through_boxes<false>, map, to.data()),
             Catch::Contains("the block ends before a box that it requested has arrived"));
  size_t missing = 0;  // elements of one of the two boxes
  for (const float x : to) missing += x != x;
  CHECK(missing == 64 * 64);
  emulator::options().order = 0;
}

TEST_CASE("a barrier's phases pass a buffer back and forth") {
  for (const uint64_t order : {uint64_t{0}, uint64_t{5}}) {
    emulator::options().order = order;
    std::vector<int> to(32 * 5, -1);
    launch(Launch{}, "ring", {1, 64}, hand_over, 5, to.data());
    for (size_t i = 0; i < to.size(); ++i) CHECK(to[i] == static_cast<int>(i / 32) * 10);
  }
  emulator::options().order = 0;
}

TEST_CASE("a phase that never ends and a barrier with too many arrivals are errors") {
  CHECK(test::failure_of({1, 32}, never_full) ==
        "kernel wrong, block (0, 0, 0), thread (7, 0, 0): waits forever for the end of a "
        "barrier's phase");
  CHECK(test::failure_of({1, 32}, too_many)
            .find("more threads arrive at a barrier than it was initialised for") != std::string::npos);
}

}  // namespace hewn

// Mistakes with Hopper's instructions, planted one by one: warps of a warpgroup that issue different instructions, and
// memory that threads write and the copy engine or wgmma reads without a fence between the proxies.

#include <cmath>
#include <string>
#include <vector>

#include "kernels/gpu/tiles/hopper.cuh"
#include "tests/kernels/gpu/failure.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using Catch::Contains;
using test::failure_of;

constexpr int group_elements = (64 + 128) * 64,
              ones_bytes = 2 * group_elements;  // A [64, 64] and B [64, 128]

enum class Mistake {
  none,
  no_fence,            // wgmma.fence
  one_product_less,    // in warp 3
  other_operand,       // in warp 2
  wait_before_commit,  // in warp 1
  waits_for_less,      // in warp 2
  never_awaited,
  no_commit,  // in warp 0
  lanes_differ,
  beyond_memory,
  // Between writing the operands and multiplying them:
  unpublished,
  published_too_early,
  published_by_one_thread,
  written_after,  // once more, by one thread
};

/// The product of matrices of ones, which threads write to shared memory. Sums of the thread's first row and column.
template <Mistake mistake>
__global__ void multiply_ones(float* to) {
  auto* const bytes = dynamic_shared<uint8_t>();
  const int thread = static_cast<int>(threadIdx.x), warp = thread / 32;
  const bf16 one = to_bf16(1);
  if (mistake == Mistake::published_too_early) publish_writes();
  for (int i = thread; i < group_elements; i += 128) std::memcpy(bytes + 2 * i, &one, 2);
  if (mistake == Mistake::published_by_one_thread
          ? thread == 0
          : mistake != Mistake::unpublished && mistake != Mistake::published_too_early)
    publish_writes();
  __syncthreads();
  const bf16 two = to_bf16(2);
  if (mistake == Mistake::written_after && thread == 5) std::memcpy(bytes + 8, &two, 2);  // of the first row
  float sum[64] = {};
  if (mistake != Mistake::no_fence) begin_products();
  for (int k = 0; k < 64; k += 16) {
    if (mistake == Mistake::one_product_less && warp == 3 && k == 32) continue;
    int other = mistake == Mistake::other_operand && warp == 2 && k == 16 ? 16 : 0;
    if (mistake == Mistake::lanes_differ && thread == 5) other = 16;
    if (mistake == Mistake::beyond_memory) other = 64 * 64;
    multiply_group<false, false>(
        sum, descriptor_of(operand_at<false, 64>(static_cast<uint32_t>(other), k)),
        descriptor_of(operand_at<false, 64>(64 * 128 + static_cast<uint32_t>(4 * other), k)));
  }
  if (mistake == Mistake::wait_before_commit && warp == 1) await_products<0>();
  if (mistake != Mistake::no_commit || warp != 0) end_products();
  if (mistake == Mistake::waits_for_less && warp == 2) {
    await_products<1>();
  } else if (mistake != Mistake::never_awaited) {
    await_products<0>();
  }
  to[thread] = sum[0];
}

template <Mistake mistake>
std::string failure_with(int threads = 128) {
  std::vector<float> to(128);
  return failure_of({1, static_cast<unsigned>(threads), ones_bytes}, multiply_ones<mistake>, to.data());
}

/// The number of threads whose sum is NaN.
template <Mistake mistake>
int poisoned() {
  std::vector<float> to(128);
  launch(Launch{}, "multiply_ones", {1, 128, ones_bytes}, multiply_ones<mistake>, to.data());
  int count = 0;
  for (const float x : to) {
    CHECK((std::isnan(x) || x == 64));
    count += std::isnan(x);
  }
  return count;
}

/// A warpgroup of one block after another, of which one may issue nothing.
__global__ void group_of_other_order() {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  if (warp == 2) {
    end_products();
    begin_products();
  } else {
    begin_products();
    end_products();
  }
}

/// Threads write a stage, and then the copy engine fills it.
template <bool published>
__global__ void fill_after_writing(TensorMap map, float* to) {
  auto* const stage = dynamic_shared<bf16>();
  Barrier& full = shared_memory<Barrier>();
  const int thread = static_cast<int>(threadIdx.x);
  if (thread == 0) {
    make_barrier(full, 1);
    publish_barriers();
  }
  for (int i = thread; i < 8 * 64; i += 32) stage[i] = to_bf16(5);  // eight of 64 rows
  if constexpr (published) publish_writes();
  __syncthreads();
  if (thread == 0) {
    arrive_expecting(full, 64 * 128);
    copy_box(stage, map, 0, 0, full);
  }
  await_phase(full, 0);
  for (int i = thread; i < 64 * 64; i += 32) to[i] = to_float(stage[i]);
}

__global__ void box_with_unpublished_barrier(TensorMap map) {
  Barrier& full = shared_memory<Barrier>();
  if (threadIdx.x == 0) {
    make_barrier(full, 1);
    arrive_expecting(full, 64 * 128);
    copy_box(dynamic_shared<bf16>(), map, 0, 0, full);
    await_phase(full, 0);
  }
}

__global__ void box_beyond_memory(TensorMap map) {
  Barrier& full = shared_memory<Barrier>();
  if (threadIdx.x == 0) {
    make_barrier(full, 1);
    publish_barriers();
    arrive_expecting(full, 64 * 128);
    copy_box(dynamic_shared<bf16>() + 512, map, 0, 0, full);
    await_phase(full, 0);
  }
}

}  // namespace

TEST_CASE("Hopper: the warps of a warpgroup issue the same instructions in the same order") {
  for (const uint64_t order : {uint64_t{0}, uint64_t{6}, uint64_t{11}}) {
    INFO("order " << order);
    emulator::options().order = order;
    CHECK(failure_with<Mistake::none>() == "");
    CHECK_THAT(failure_with<Mistake::no_fence>(), Contains("wgmma without wgmma.fence"));
    CHECK_THAT(failure_with<Mistake::one_product_less>(), Contains("the four warps must issue the same"));
    CHECK_THAT(failure_with<Mistake::other_operand>(),
               Contains("issues wgmma.mma_async with other operands, which another warp"));
    CHECK_THAT(failure_with<Mistake::wait_before_commit>(), Contains("the four warps must issue the same"));
    CHECK_THAT(failure_with<Mistake::waits_for_less>(),
               Contains("issues wgmma.wait_group with other operands"));
    CHECK_THAT(failure_with<Mistake::no_commit>(), Contains("the four warps must issue the same"));
    CHECK_THAT(failure_with<Mistake::lanes_differ>(), Contains("different descriptors"));
    CHECK_THAT(failure_with<Mistake::beyond_memory>(), Contains("beyond the dynamic shared memory"));
    CHECK_THAT(failure_of({1, 128}, group_of_other_order), Contains("instead of wgmma."));
  }
  emulator::options().order = 0;
}

TEST_CASE("Hopper: a warpgroup has four warps, and they all issue everything") {
  CHECK_THAT(failure_with<Mistake::none>(96), Contains("a warpgroup consists of four warps"));
  emulator::options().order = 5;
  CHECK_THAT(failure_with<Mistake::never_awaited>(), Contains("ends before its products were awaited"));
  emulator::options().order = 0;
  const auto some_warps = +[] {
    if (threadIdx.x < 96) begin_products();
  };
  CHECK_THAT(failure_of({1, 128}, some_warps),
             Contains("warp 3 has issued 0 of the 1 instructions of its warpgroup, up to wgmma.fence"));
}

TEST_CASE("Hopper: what threads write is poison for wgmma until it is published") {
  for (const uint64_t order : {uint64_t{0}, uint64_t{6}}) {
    INFO("order " << order);
    emulator::options().order = order;
    CHECK(poisoned<Mistake::none>() == 0);
    CHECK(poisoned<Mistake::unpublished>() == 128);
    CHECK(poisoned<Mistake::published_too_early>() > 0);
    CHECK(poisoned<Mistake::written_after>() == 4);  // the threads of the first row
  }
  emulator::options().order = 0;
  CHECK(poisoned<Mistake::published_by_one_thread>() == 128);
}

TEST_CASE("Hopper: the copy engine does not overwrite what threads have written until it is published") {
  struct alignas(16) Matrix {
    bf16 at[64 * 64];
  };
  std::vector<Matrix> matrix(1);
  for (bf16& x : matrix[0].at) x = to_bf16(3);
  const TensorMap map = tensor_map({matrix[0].at, 64, 64, 64, 64});
  std::vector<float> to(64 * 64);
  const auto number_of_nans = [&] {
    int count = 0;
    for (const float x : to) {
      CHECK((std::isnan(x) || x == 3));
      count += std::isnan(x);
    }
    return count;
  };
  launch(Launch{}, "published", {1, 32, 64 * 128}, fill_after_writing<true>, map, to.data());
  CHECK(number_of_nans() == 0);
  launch(Launch{}, "unpublished", {1, 32, 64 * 128}, fill_after_writing<false>, map, to.data());
  CHECK(number_of_nans() == 8 * 64);
  CHECK_THAT(failure_of({1, 32, 64 * 128}, box_with_unpublished_barrier, map),
             Contains("publish_barriers is missing"));
  CHECK_THAT(failure_of({1, 32, 64 * 128}, box_beyond_memory, map),
             Contains("beyond the dynamic shared memory"));
}

}  // namespace hewn

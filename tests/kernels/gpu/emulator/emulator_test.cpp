// The block emulator: threads of a block wait for each other as on a GPU, and hangs and undefined behaviour
// of a GPU are errors that name the place.

#include "kernels/gpu/emulator/emulator.h"

#include <numeric>
#include <vector>

#include "core/error.h"
#include "kernels/gpu/simt/simt.h"
#include "kernels/matmul/abi.h"
#include "kernels/softmax/abi.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

struct Row {
  float x[256];
};

__global__ void reverse(int n, const float* from, float* to) {
  Row& row = shared_memory<Row>();
  const int i = static_cast<int>(threadIdx.x), at = static_cast<int>(blockIdx.x) * n;
  row.x[i] = from[at + i];
  __syncthreads();
  to[at + i] = row.x[n - 1 - i];
}

__global__ void sums(const float* x, float* y) {
  const float sum = warp_sum(x[blockIdx.x * 32 + threadIdx.x]);
  if (threadIdx.x == blockIdx.x) y[blockIdx.x] = sum;
}

__global__ void shuffles(int* y) {
  const int lane = static_cast<int>(threadIdx.x);
  y[lane] = __shfl_sync(0xffffffffu, lane, 5, 8);
  y[32 + lane] = static_cast<int>(__ballot_sync(0xffffffffu, lane % 3 == 0));
  if (lane < 8) y[64 + lane] = __shfl_xor_sync(0xffu, lane, 3);
}

__global__ void fresh(float* y) { *y = dynamic_shared<float>()[threadIdx.x] + shared_memory<Row>().x[7]; }

__global__ void missed_barrier() {
  if (threadIdx.x != 5) __syncthreads();
}
__global__ void barrier_in_half_a_warp() {
  if (threadIdx.x < 16)
    __syncthreads();
  else
    __syncwarp();
}
__global__ void shuffle_without_lane() {
  if (threadIdx.x < 16) __shfl_xor_sync(0xffffffffu, 1, 1);
}
__global__ void lane_outside_mask() { __syncwarp(0xffu); }
__global__ void two_shuffles() {
  if (threadIdx.x < 16)
    __shfl_xor_sync(0xffffffffu, 1, 1);
  else
    __shfl_sync(0xffffffffu, 1.0f, 1);
}
__global__ void beyond_dynamic() { dynamic_shared<char>()[64] = 1; }
__global__ void beyond_block() { __syncwarp(); }
struct Large {
  char bytes[(48 << 10) + 1];
};
__global__ void of_matmul(Matmul, float) {}
__global__ void of_rows(SoftmaxForward) {}
__global__ void too_much() { shared_memory<Large>().bytes[0] = 1; }

const Launch at_once{};

/// Whether a launch fails with a message that contains all of `parts`.
template <class... P, class... A>
bool fails(std::initializer_list<const char*> parts, const char* name, const Grid& grid, void (*kernel)(P...),
           const A&... arguments) {
  try {
    launch(at_once, name, grid, kernel, arguments...);
  } catch (const Error& error) {
    const std::string message = error.what();
    UNSCOPED_INFO(message);
    return std::all_of(parts.begin(), parts.end(),
                       [&](const char* part) { return message.find(part) != message.npos; });
  }
  UNSCOPED_INFO("no error");
  return false;
}

}  // namespace

TEST_CASE("emulator: a barrier separates writes from reads") {
  for (uint64_t order = 0; order < 4; ++order) {
    emulator::options().order = order;
    const int n = 97, blocks = 5;
    std::vector<float> x(size_t{n} * blocks), y(x.size());
    std::iota(x.begin(), x.end(), 0.0f);
    launch(at_once, "reverse", {blocks, n}, reverse, n, x.data(), y.data());
    for (int b = 0; b < blocks; ++b) {
      std::reverse(x.begin() + b * n, x.begin() + (b + 1) * n);
    }
    CHECK(x == y);
  }
  emulator::options().order = 0;
}

TEST_CASE("emulator: lanes of a warp exchange values") {
  std::vector<float> x(96), y(3);
  std::iota(x.begin(), x.end(), 0.0f);
  launch(at_once, "sums", {3, 32}, sums, x.data(), y.data());
  CHECK(y == std::vector<float>{496, 1520, 2544});

  std::vector<int> z(72);
  launch(at_once, "shuffles", {1, 32}, shuffles, z.data());
  for (int lane = 0; lane < 32; ++lane) {
    INFO(lane);
    const auto got = [&](int i) { return z[static_cast<size_t>(i)]; };
    CHECK(got(lane) == lane / 8 * 8 + 5);
    CHECK(got(32 + lane) == 0x49249249);
    if (lane < 8) CHECK(got(64 + lane) == (lane ^ 3));
  }
}

TEST_CASE("emulator: fresh shared memory is NaN") {
  float y = 0;
  launch(at_once, "fresh", {1, 1, 64}, fresh, &y);
  CHECK(y != y);
}

TEST_CASE("emulator: hangs and undefined behaviour are errors with their place") {
  CHECK(fails({"kernel missed, block (0, 0, 0)", "thread (5, 0, 0) has ended and never reaches"}, "missed",
              {2, 40}, missed_barrier));
  CHECK(fails({"__syncwarp", "__syncthreads"}, "half", {1, 32}, barrier_in_half_a_warp));
  CHECK(fails({"lane 16", "has ended"}, "without", {1, 32}, shuffle_without_lane));
  CHECK(fails({"thread (8, 0, 0)", "not in the mask"}, "outside", {1, 32}, lane_outside_mask));
  CHECK(fails({"__shfl_xor_sync", "elsewhere, in __shfl_sync"}, "two", {1, 32}, two_shuffles));
  CHECK(fails({"beyond the block's 20 threads"}, "few", {1, 20}, beyond_block));
  // The machine still works after an error.
  std::vector<float> x(32, 1), y(1);
  launch(at_once, "sums", {1, 32}, sums, x.data(), y.data());
  CHECK(y[0] == 32);
}

TEST_CASE("emulator: writes beyond shared memory are detected") {
  CHECK(fails({"outside its 64 bytes of dynamic"}, "beyond", {1, 1, 64}, beyond_dynamic));
  CHECK(fails({"49168 bytes of static shared memory"}, "large", {1, 1}, too_much));
}

TEST_CASE("emulator: an invalid launch reports kernel, arguments and grid") {
  std::vector<float> x(1);
  CHECK(fails({"kernel reverse(7, pointer, pointer) on 3x1x1 blocks of 1025x1x1 threads", "1024"}, "reverse",
              {3, 1025}, reverse, 7, x.data(), x.data()));
  CHECK(fails({"a grid has at most 2^31 - 1 blocks in x"}, "reverse", {Extent(1, 65536), 1}, reverse, 7,
              x.data(), x.data()));
  CHECK(
      fails({"307200 bytes of shared memory"}, "reverse", {1, 1, 300 << 10}, reverse, 7, x.data(), x.data()));
  CHECK_NOTHROW(launch(at_once, "reverse", {0, 1}, reverse, 7, x.data(), x.data()));
  Matmul product{};
  product.dtype = DType::bf16;
  product.M = 256, product.N = 768, product.K = 3072;
  CHECK(
      fails({"kernel product(bf16 M=256 N=768 K=3072, 0.5"}, "product", {1, 2000}, of_matmul, product, 0.5));
  SoftmaxForward rows{};
  rows.dtype = DType::f32, rows.rows = 3, rows.cols = 50257;
  CHECK(fails({"kernel rows(f32 rows=3 cols=50257) on 1x"}, "rows", {1, 2000}, of_rows, rows));
}

}  // namespace hewn

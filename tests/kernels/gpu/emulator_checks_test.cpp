// Mistakes that a GPU answers with an error, a hang or wrong results, planted one by one: the emulator reports each of
// them. Next to each is the correct form, which runs.

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/gpu/emulator/emulator.h"
#include "kernels/gpu/tiles/named_barrier.cuh"
#include "tests/kernels/gpu/failure.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

using Catch::Contains;
using test::failure_of;

template <class V>
__global__ void load_vector(const float* from, float* to) {
  const V x = vector_at<V>(from);
  std::memcpy(to, &x, sizeof x);
}
template <class V>
__global__ void store_vector(float* to) {
  vector_at<V>(to) = V{};
}

struct alignas(16) Aligned {
  float at[64];
};
/// As tiles/elements.cuh loads them.
struct alignas(8) FourOfBf16 {
  bf16 at[4];
};

/// `bytes` of static shared memory, next to whatever the launch requests.
template <size_t bytes>
__global__ void static_shared(char* to) {
  struct Piece {
    char at[bytes];
  };
  *to = shared_memory<Piece>().at[bytes - 1];
}

template <int bytes>
struct Parameter {
  char at[bytes];
};
template <int bytes>
__global__ void of_parameter(const float*, Parameter<bytes>) {}
template <int bytes>
concept LaunchableWith = requires(const Launch& on, Parameter<bytes> parameter) {
  launch(on, "", Grid{}, of_parameter<bytes>, static_cast<const float*>(nullptr), parameter);
};

/// Two warps hand numbers to two others through one buffer, with a named barrier for each direction.
__global__ void hand_over_by_name(int rounds, int* to) {
  struct Buffer {
    int at[64];
  };
  Buffer& buffer = shared_memory<Buffer>();
  const int thread = static_cast<int>(threadIdx.x), place = thread % 64;
  constexpr int full = 1, empty = 2;
  for (int round = 0; round < rounds; ++round)
    if (thread < 64) {
      if (round > 0) named_barrier_sync(empty, 128);
      buffer.at[place] = 100 * round + place;
      named_barrier_arrive(full, 128);
    } else {
      named_barrier_sync(full, 128);
      to[64 * round + place] = buffer.at[63 - place];
      if (round + 1 < rounds) named_barrier_arrive(empty, 128);
    }
}

__global__ void named_barrier_by_lanes() {
  if (threadIdx.x != 8) named_barrier_sync(3, 64);
}
__global__ void named_barrier_by_one_warp() {
  if (threadIdx.x < 32) named_barrier_sync(3, 64);
}
__global__ void arrival_by_one_warp() {
  if (threadIdx.x < 32) named_barrier_arrive(5, 64);
}
__global__ void named_barrier_of(int id, int threads) { named_barrier_sync(id, threads); }
__global__ void two_counts() { named_barrier_sync(4, threadIdx.x < 32 ? 64 : 96); }
__global__ void two_names() { named_barrier_sync(threadIdx.x % 2 ? 4 : 6, 32); }

}  // namespace

TEST_CASE("emulator: vectors must be aligned to their size") {
  Aligned from{}, to{};
  std::iota(from.at, from.at + 64, 1.0f);
  for (const int offset : {0, 1, 2, 3, 4, 6}) {
    INFO(offset << " floats");
    const float* const p = from.at + offset;
    float* const q = to.at + offset;
    const bool four = offset % 4 == 0, two = offset % 2 == 0;
    CHECK((failure_of({1, 1}, load_vector<float4>, p, &to.at[0]) == "") == four);
    CHECK((failure_of({1, 1}, load_vector<uint4>, p, &to.at[0]) == "") == four);
    CHECK((failure_of({1, 1}, load_vector<float2>, p, &to.at[0]) == "") == two);
    CHECK((failure_of({1, 1}, load_vector<FourOfBf16>, p, &to.at[0]) == "") == two);
    CHECK((failure_of({1, 1}, store_vector<float4>, q) == "") == four);
    CHECK((failure_of({1, 1}, store_vector<uint2>, q) == "") == two);
    CHECK((failure_of({1, 1}, store_vector<double2>, q) == "") == four);
  }
  launch(Launch{}, "load", {1, 1}, load_vector<float4>, from.at + 8, &to.at[0]);
  CHECK(to.at[3] == 12);
  CHECK(
      failure_of({1, 1}, load_vector<float4>, from.at + 1, &to.at[0]) ==
      "kernel wrong, block (0, 0, 0), thread (0, 0, 0): an access of 16 bytes at an address that is 4 bytes "
      "past a multiple of 16");
}

TEST_CASE("emulator: static and dynamic shared memory share 48 KiB without the opt-in") {
  constexpr size_t most = 48 << 10;
  char to = 0;
  CHECK(failure_of({1, 1, most}, static_shared<1>, &to) ==
        "kernel wrong, block (0, 0, 0), thread (0, 0, 0): 1024 bytes of static and 49152 bytes of dynamic "
        "shared memory are used; a launch without the opt-in for more has 49152");
  CHECK(failure_of({1, 1, most - 1024}, static_shared<1024>, &to) == "");
  CHECK_THAT(failure_of({1, 1, most - 1024}, static_shared<1025>, &to), Contains("2048 bytes of static"));
  CHECK(failure_of({1, 1, most + 1}, static_shared<17>, &to) == "");  // a launch that opts in
  CHECK(failure_of({1, 1}, static_shared<most>, &to) == "");          // static memory alone
  CHECK_THAT(failure_of({1, 1, (227 << 10) - 1023}, static_shared<17>, &to), Contains("a block has 232448"));
}

TEST_CASE("emulator: kernels have at most 4 KiB of parameters") {
  CHECK(parameter_bytes<char, double, Parameter<3>>() == 19);
  CHECK(parameter_bytes<>() == 0);
  CHECK(LaunchableWith<4096 - 8>);
  CHECK_FALSE(LaunchableWith<4096 - 7>);
}

TEST_CASE("emulator: named barriers pass a buffer between warps") {
  for (const uint64_t order : {uint64_t{0}, uint64_t{3}, uint64_t{8}}) {
    emulator::options().order = order;
    std::vector<int> to(64 * 5, -1);
    launch(Launch{}, "by_name", {1, 128}, hand_over_by_name, 5, to.data());
    for (int i = 0; i < 64 * 5; ++i) CHECK(to[static_cast<size_t>(i)] == i / 64 * 100 + 63 - i % 64);
  }
  emulator::options().order = 0;
}

TEST_CASE("emulator: misuse of a named barrier is an error") {
  CHECK_THAT(failure_of({1, 32}, named_barrier_by_lanes), Contains("bar.sync for lane 8"));
  CHECK_THAT(failure_of({1, 64}, named_barrier_by_one_warp),
             Contains("waits forever for the other threads of a named barrier"));
  CHECK_THAT(failure_of({1, 64}, arrival_by_one_warp),
             Contains("named barrier 5: the block ends when 32 of 64 threads have arrived"));
  CHECK_THAT(failure_of({1, 64}, named_barrier_of, 0, 64), Contains("0 is __syncthreads"));
  CHECK_THAT(failure_of({1, 64}, named_barrier_of, 16, 64), Contains("barriers 1 to 15"));
  CHECK_THAT(failure_of({1, 64}, named_barrier_of, 3, 40),
             Contains("40 threads are not one to 32 whole warps"));
  CHECK_THAT(failure_of({1, 64}, two_counts), Contains("arrives for 96 threads, a previous one for 64"));
  CHECK_THAT(failure_of({1, 32}, two_names), Contains("arrive at different named barriers"));
  CHECK(failure_of({1, 64}, named_barrier_of, 3, 64) == "");
}

TEST_CASE("emulator: only the blocks that were chosen run") {
  std::vector<char> ran(20);
  emulator::options().blocks = [](std::string_view, size_t blocks) {
    return std::vector<size_t>{0, blocks - 1};
  };
  launch(
      Launch{}, "some", {Extent(5, 4), 1}, +[](char* to) { to[blockIdx.y * gridDim.x + blockIdx.x] = 1; },
      ran.data());
  emulator::options().blocks = {};
  CHECK(std::accumulate(ran.begin(), ran.end(), 0) == 2);
  CHECK((ran.front() == 1 && ran.back() == 1));
}

}  // namespace hewn

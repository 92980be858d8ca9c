// Mistakes that a GPU answers with an error, a hang or wrong results, planted one by one: the emulator reports each of
// them. Next to each is the correct form, which runs.

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/gpu/emulator/emulator.h"
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

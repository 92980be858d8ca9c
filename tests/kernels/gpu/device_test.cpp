// The emulated GPU as a device: work runs in order and only when a result is needed, the host cannot
// access its memory, a graph repeats the recorded work, and errors of a kernel are reported where its
// result is awaited.

#include <functional>
#include <numeric>

#include "core/error.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/abi.h"
#include "kernels/gpu/runtime/runtime.h"
#include "kernels/gpu/simt/simt.h"
#include "tests/support/catch.h"
#include "tests/support/gpu.h"

namespace hewn {
namespace {

__global__ void add_one(int n, float* x) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) x[i] += 1;
}

__global__ void fails_here() { __syncwarp(1u << 31); }

std::vector<float> ramp(size_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

}  // namespace

TEST_CASE("gpu: any number of bytes is copied to the device and back") {
  const auto device = test::make_test_gpu();
  for (const size_t n : {size_t{1}, size_t{1000}, size_t{3} << 20}) {
    std::vector<float> there = ramp(n), back(n);
    void* const data = device->pool().allocate(n * 4);
    device->upload(data, there.data(), n * 4);
    const std::vector<float> kept = there;
    std::fill(there.begin(), there.end(), -1.0f);  // the upload has copied the values
    device->download(back.data(), data, n * 4);
    CHECK(back == kept);
    device->pool().release(data);
  }
}

TEST_CASE("gpu: uploads do not wait while there is room, and none is overwritten") {
  const auto device = make_emulated_gpu();
  GpuRuntime& gpu = *device->gpu();
  const GpuRuntime::Event begun = gpu.make_event();
  for (const size_t n :
       {size_t{1}, size_t{70001}, size_t{250000}}) {  // the last two leave a gap at the wraparound
    INFO(n << " floats");
    const size_t uploads = (size_t{40} << 20) / (4 * n + 1'000'000) + 10;
    std::vector<float> values = ramp(n), back(n);
    std::vector<void*> there;
    for (size_t k = 0; k < uploads; ++k) there.push_back(device->pool().allocate(n * 4));
    device->sync();
    gpu.record(begun);
    for (size_t k = 0; k < uploads; ++k) {
      values[0] = values[n - 1] = static_cast<float>(k);
      device->upload(there[k], values.data(), n * 4);
      if ((k + 1) * n * 4 < size_t{15} << 20) CHECK_FALSE(gpu.reached(begun));
    }
    for (size_t k = 0; k < uploads; ++k) {
      values[0] = values[n - 1] = static_cast<float>(k);
      device->download(back.data(), there[k], n * 4);
      CHECK((back == values));
      device->pool().release(there[k]);
    }
  }
  gpu.drop_event(begun);
}

TEST_CASE("gpu: work is deferred until a result is read, and is done in order") {
  const auto device = make_emulated_gpu();
  GpuRuntime& gpu = *device->gpu();
  auto* const pinned = static_cast<float*>(gpu.allocate_pinned(400));
  auto* const x = static_cast<float*>(device->pool().allocate(400));
  const Launch launch_on{.stream = device->stream()};
  device->fill(x, 0, 400);
  for (int k = 0; k < 3; ++k) launch(launch_on, "add_one", {4, 32}, add_one, 100, x);
  pinned[99] = -1;
  gpu.copy_out(pinned, x, 400);
  const GpuRuntime::Event done = gpu.make_event();
  gpu.record(done);
  CHECK(!gpu.reached(done));
  CHECK(pinned[99] == -1);
  gpu.wait(done);
  CHECK(gpu.reached(done));
  CHECK(pinned[99] == 3);
  gpu.drop_event(done);
  device->pool().release(x);
  gpu.release_pinned(pinned);
}

TEST_CASE("gpu: a graph replays what was recorded") {
  const auto device = make_emulated_gpu();
  GpuRuntime& gpu = *device->gpu();
  auto* const x = static_cast<float*>(device->pool().allocate(400));
  const Launch launch_on{.stream = device->stream()};
  device->fill(x, 0, 400);
  gpu.begin_capture();
  launch(launch_on, "add_one", {4, 32}, add_one, 100, x);
  launch(launch_on, "add_one", {4, 32}, add_one, 50, x);
  const GpuRuntime::Graph graph = gpu.end_capture();
  std::vector<float> values(100);
  device->download(values.data(), x, 400);
  CHECK(values[0] == 0);
  for (int k = 0; k < 3; ++k) gpu.replay(graph);
  device->download(values.data(), x, 400);
  CHECK(values[0] == 6);
  CHECK(values[99] == 3);
  gpu.drop_graph(graph);
  device->pool().release(x);
}

TEST_CASE("gpu: copies from or to pageable memory fail while a graph is captured") {
  const auto device = test::make_test_gpu();
  GpuRuntime& gpu = *device->gpu();
  float value = 1;
  auto* const x = static_cast<float*>(device->pool().allocate(4));
  gpu.begin_capture();
  CHECK(gpu.capturing());
  CHECK_THROWS_WITH(device->upload(x, &value, 4), Catch::Contains("nothing can be copied from the host"));
  CHECK_THROWS_WITH(device->download(&value, x, 4), Catch::Contains("nothing can be copied to the host"));
  gpu.drop_graph(gpu.end_capture());
  CHECK(!gpu.capturing());
  CHECK_NOTHROW(device->upload(x, &value, 4));
  device->pool().release(x);
}

TEST_CASE("gpu: calls that a capture forbids fail and invalidate it") {
  const auto device = make_emulated_gpu();
  GpuRuntime& gpu = *device->gpu();
  const Launch launch_on{.stream = device->stream()};
  auto* const x = static_cast<float*>(device->pool().allocate(400));
  device->fill(x, 0, 400);
  const GpuRuntime::Event before = gpu.make_event(), inside = gpu.make_event();
  gpu.record(before);
  gpu.begin_capture();
  const GpuRuntime::Graph empty = gpu.end_capture();
  const auto capture = [&](const char* offence, const std::function<void()>& call) {
    INFO(offence);
    gpu.begin_capture();
    launch(launch_on, "add_one", {4, 32}, add_one, 100, x);
    gpu.record(inside);
    CHECK_THROWS_WITH(call(),
                      Catch::Contains(std::string("cannot ") + offence + " while it captures a graph"));
    CHECK_THROWS_WITH(gpu.end_capture(), Catch::Contains(std::string("because of an attempt to ") + offence));
    CHECK(!gpu.capturing());
  };
  capture("wait for its work", [&] { gpu.sync(); });
  capture("query an event of this capture", [&] { gpu.reached(inside); });
  capture("query an event of this capture", [&] { gpu.wait(inside); });
  capture("query an event of this capture", [&] { gpu.seconds_between(before, inside); });
  capture("launch a graph", [&] { gpu.replay(empty); });
  capture("begin a capture", [&] { gpu.begin_capture(); });
  // Allowed: memory, and events of work that is not part of the capture.
  gpu.begin_capture();
  CHECK_NOTHROW(gpu.wait(before));
  CHECK_NOTHROW(gpu.release(gpu.allocate(100)));
  gpu.record(inside);
  const GpuRuntime::Graph graph = gpu.end_capture();
  CHECK_THROWS_WITH(gpu.seconds_between(before, inside), Catch::Contains("has not reached the event"));
  gpu.replay(graph);
  gpu.sync();
  const double first = gpu.seconds_between(before, inside);
  CHECK(first > 0);
  gpu.replay(graph);
  gpu.sync();
  CHECK(gpu.seconds_between(before, inside) > first);
  CHECK_THROWS_WITH(gpu.reached(inside), Catch::Contains("can only measure times"));
  gpu.record(inside);
  CHECK_NOTHROW(gpu.wait(inside));
  CHECK_THROWS_WITH(gpu.end_capture(), Catch::Contains("not capturing a graph"));
  for (const GpuRuntime::Graph g : {empty, graph}) gpu.drop_graph(g);
  for (const GpuRuntime::Event e : {before, inside}) gpu.drop_event(e);
  device->pool().release(x);
}

TEST_CASE("gpu: the runtime copies only from and to pinned memory") {
  const auto device = make_emulated_gpu();
  GpuRuntime& gpu = *device->gpu();
  auto* const x = device->pool().allocate(400);
  auto* const pinned = static_cast<uint8_t*>(gpu.allocate_pinned(400));
  std::vector<uint8_t> pageable(400);
  CHECK_NOTHROW(gpu.copy_in(x, pinned, 400));
  CHECK_NOTHROW(gpu.copy_out(pinned + 100, x, 300));
  CHECK_THROWS_WITH(gpu.copy_in(x, pageable.data(), 400), Catch::Contains("pinned memory"));
  CHECK_THROWS_WITH(gpu.copy_out(pageable.data(), x, 400), Catch::Contains("pinned memory"));
  CHECK_THROWS_WITH(gpu.copy_out(pinned + 101, x, 300), Catch::Contains("pinned memory"));
  gpu.sync();
  gpu.release_pinned(pinned);
  device->pool().release(x);
}

TEST_CASE("gpu: a trace of the pool shows whether all blocks were released") {
  const auto device = test::make_test_gpu();
  Pool& pool = device->pool();
  void* const before = pool.allocate(512);
  pool.begin_trace();
  void* const a = pool.allocate(1024);
  void* const b = pool.allocate(4096);
  pool.release(a);
  const MemTrace trace = pool.end_trace();
  CHECK(trace.blocks.size() == 2);
  CHECK(!pool.idle(trace));
  pool.release(b);
  CHECK(pool.idle(trace));
  void* const again = pool.allocate(1024);
  CHECK(again == a);
  CHECK(!pool.idle(trace));
  pool.release(again);
  CHECK(pool.idle(trace));
  pool.trim();
  CHECK(!pool.idle(trace));
  pool.release(before);
}

TEST_CASE("gpu: a kernel's error is reported where its result is awaited") {
  const auto device = make_emulated_gpu();
  const Launch launch_on{.stream = device->stream()};
  CHECK_NOTHROW(launch(launch_on, "fails_here", {1, 32}, fails_here));
  CHECK_THROWS_WITH(device->sync(), Catch::Contains("kernel fails_here, block (0, 0, 0), thread (0, 0, 0)"));
  CHECK_NOTHROW(device->sync());
}

TEST_CASE("gpu: gradients are summed, unsupported dtypes are refused") {
  const auto device = test::make_test_gpu();
  std::vector<float> values = ramp(300), back(300);
  auto* const a = device->pool().allocate(1200);
  auto* const b = device->pool().allocate(1200);
  device->upload(a, values.data(), 1200);
  device->copy(b, a, 1200);
  device->add(DType::f32, 300, a, b);
  device->download(back.data(), a, 1200);
  for (size_t i = 0; i < 300; ++i) CHECK(back[i] == 2 * values[i]);
  CHECK_THROWS_AS(device->add(DType::i32, 1, a, b), Error);
  device->pool().release(a);
  device->pool().release(b);
}

TEST_CASE("gpu: an operation without a GPU kernel fails by name and does not run elsewhere") {
  const auto device = make_emulated_gpu();
  UnaryForward args{.op = UnaryOp::exp,
                    .dtype = DType::f32,
                    .n = 0,
                    .c = 0,
                    .x = nullptr,
                    .y = nullptr,
                    .to_y = Write::set};
  const Rung<UnaryForward>* rung = choose(*device, args);
  REQUIRE(rung);
  CHECK(std::string(rung->name) == "cuda");
  CHECK(ladder_of(args).rungs[0].on(Isa::emulated) == nullptr);
}

TEST_CASE("gpu: without CUDA the device reports it in one line") {
  if (why_no_cuda().empty()) return;
  try {
    make_cuda();
    FAIL("made a device");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::failed);
    CHECK(std::string(error.what()) == "device cuda is not usable: " + why_no_cuda());
  }
}

}  // namespace hewn

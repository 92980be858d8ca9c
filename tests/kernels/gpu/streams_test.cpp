// The two streams of a GPU: each has an order of its own, and one follows the other where that is said.

#include "kernels/devices/beside.h"
#include "kernels/gpu/emulator/emulator.h"
#include "tests/support/catch.h"
#include "tests/support/gpu.h"

namespace hewn {
namespace {

/// Four bytes on the device, and a pinned copy of them.
struct Byte4 {
  explicit Byte4(Executor& on)
      : device(on), gpu(*on.gpu()), there(on.pool().allocate(4)), pinned(gpu.allocate_pinned(4)) {}
  ~Byte4() {
    device.sync();
    device.pool().release(there);
    gpu.release_pinned(pinned);
  }
  void fill(uint8_t value) { device.fill(there, value, 4); }
  void copy_out() { gpu.copy_out(pinned, there, 4); }
  int copied() const { return *static_cast<const uint8_t*>(pinned); }

  Executor& device;
  GpuRuntime& gpu;
  void* there;
  void* pinned;
};

}  // namespace

TEST_CASE("gpu streams: what runs beside follows the main order, and the main order what runs beside") {
  const auto device = test::make_test_gpu();
  if (!device) return;
  Byte4 bytes(*device);
  void* const stream = device->stream();
  for (uint8_t round = 1; round < 100; ++round) {
    bytes.fill(round);
    {
      Beside beside(*device);
      CHECK(device->stream() != stream);
      beside.follow();
      bytes.copy_out();
      bytes.fill(0);
    }
    CHECK(device->stream() == stream);
    await_beside(*device);
    bytes.gpu.copy_in(bytes.there, bytes.pinned, 4);
  }
  bytes.fill(0);
  bytes.copy_out();
  device->sync();
  CHECK(bytes.copied() == 0);
}

TEST_CASE("gpu streams: the main order does not wait for what runs beside") {
  const auto device = make_emulated_gpu();
  Byte4 bytes(*device), other(*device);
  GpuRuntime& gpu = *device->gpu();
  const GpuRuntime::Event end = gpu.make_event(), end_beside = gpu.make_event();
  bool ready = false;
  int calls = 0;
  {
    const Beside beside(*device);
    emulator::queue_until(device->stream(), [&] { return ++calls, ready; });
    gpu.record(end_beside);
  }
  bytes.fill(7);
  bytes.copy_out();
  gpu.record(end);
  gpu.wait(end);
  CHECK(bytes.copied() == 7);
  CHECK(calls == 0);
  gpu.rest();
  CHECK(calls == 1);
  CHECK(!gpu.reached(end_beside));
  await_beside(*device);
  other.fill(9);
  other.copy_out();
  gpu.record(end);
  gpu.rest();
  CHECK(!gpu.reached(end));
  ready = true;
  gpu.wait(end);
  CHECK(gpu.reached(end_beside));
  CHECK(other.copied() == 9);
  for (const GpuRuntime::Event event : {end, end_beside}) gpu.drop_event(event);
}

TEST_CASE("gpu streams: an error beside is reported to who waits for it") {
  const auto device = make_emulated_gpu();
  {
    const Beside beside(*device);
    emulator::queue_until(device->stream(), []() -> bool { fail(ErrorCode::failed, "broken beside"); });
  }
  await_beside(*device);
  CHECK_THROWS_WITH(device->sync(), Catch::Contains("broken beside"));
  CHECK_NOTHROW(device->sync());
}

TEST_CASE("gpu streams: a graph repeats the work of both") {
  const auto device = test::make_test_gpu();
  if (!device) return;
  Byte4 bytes(*device);
  GpuRuntime& gpu = *device->gpu();
  gpu.begin_capture();
  bytes.fill(1);
  {
    Beside beside(*device);
    beside.follow();
    bytes.fill(2);
  }
  await_beside(*device);
  bytes.copy_out();
  const GpuRuntime::Graph graph = gpu.end_capture();
  for (int i = 0; i < 3; ++i) gpu.replay(graph);
  device->sync();
  CHECK(bytes.copied() == 2);
  gpu.drop_graph(graph);
}

}  // namespace hewn

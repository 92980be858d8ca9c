#pragma once
// The interface between a GPU device and its driver: CUDA's runtime or the emulator. There are two streams.
// Calls marked "in order" are queued on the chosen one, initially `main`; all others take effect immediately.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/contract/isa.h"
#include "kernels/contract/launch.h"

namespace hewn {

struct GpuProperties {
  std::string name;          ///< "NVIDIA H200"
  std::string address;       ///< of its slot in the host, "0000:17:00.0"; "" if it has none
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  size_t memory_bytes = 0;  ///< of device memory
  size_t shared_bytes = 0;  ///< per block
  size_t l2_bytes = 0;
};

class GpuRuntime {
 public:
  virtual ~GpuRuntime() = default;

  /// Whether operations may round the operands of float32 products to TF32 for tensor cores.
  bool tf32 = false;

  virtual Isa isa() const = 0;
  virtual const GpuProperties& properties() const = 0;
  /// The value of `Launch::stream`: the chosen stream.
  virtual void* stream() = 0;

  enum class Stream : uint8_t { main, beside };
  virtual void choose(Stream stream) = 0;
  virtual Stream chosen() const = 0;
  /// In order: later work begins once all work queued so far on the other stream has finished.
  virtual void await_other() = 0;

  /// Device memory, aligned to 256 bytes; null if there is not enough.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* data) = 0;
  /// Pinned host memory, which copies access while the program continues; null if there is not enough.
  virtual void* allocate_pinned(size_t bytes) = 0;
  virtual void release_pinned(void* data) = 0;

  /// In order. `pinned` must not change until the copy has finished.
  virtual void copy_in(void* device, const void* pinned, size_t bytes) = 0;
  virtual void copy_out(void* pinned, const void* device, size_t bytes) = 0;
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void fill(void* device, uint8_t value, size_t bytes) = 0;

  /// A point in the order of a stream.
  using Event = void*;
  virtual Event make_event() = 0;
  virtual void drop_event(Event event) = 0;
  /// In order: marks the event at this point. Every replay marks an event recorded in its capture; such an
  /// event is valid only for `seconds_between`, once the replay has finished.
  virtual void record(Event event) = 0;
  virtual bool reached(Event event) = 0;
  virtual void wait(Event event) = 0;
  /// Seconds between two events that were both reached, or marked by the same replay.
  virtual double seconds_between(Event first, Event second) = 0;

  /// Waits a moment, for callers that poll `reached`.
  virtual void rest() = 0;

  /// Waits until all queued work has finished, on both streams; throws if any of it failed.
  virtual void sync() = 0;

  /// Until end_capture, calls marked "in order" are recorded instead of executed.
  using Graph = void*;
  virtual void begin_capture() = 0;
  virtual Graph end_capture() = 0;
  virtual bool capturing() const = 0;
  /// In order: executes everything that was recorded.
  virtual void replay(Graph graph) = 0;
  /// Lets a running replay finish first.
  virtual void drop_graph(Graph graph) = 0;
};

/// Runs kernels on the block emulator. Host code that touches device memory ends with a segmentation fault, as on a
/// real GPU.
std::unique_ptr<GpuRuntime> make_emulated_runtime();

/// Runs kernels on the GPU with this number, modulo the number of GPUs that CUDA reports (selected by
/// CUDA_VISIBLE_DEVICES). Only in builds with CUDA.
std::unique_ptr<GpuRuntime> make_cuda_runtime(int number = 0);
/// Why make_cuda_runtime would fail, in a few words (no driver, no GPU); "" if it would succeed. Only in
/// builds with CUDA.
std::string cuda_obstacle(int number = 0);
/// The number of GPUs that CUDA reports, at least 1. Requires that `cuda_obstacle` has found none. Only in builds with
/// CUDA.
int cuda_gpus();
/// Ten times the compute capability of the GPU that this process has opened, else of the first one (90 for
/// 9.0); 0 without a GPU; queried once. Only in builds with CUDA.
int cuda_capability();

/// to[i] += from[i] for n elements of f32, f64 or bf16: the only arithmetic that the tape itself needs on a device.
template <Isa I>
void gpu_add(const Launch& launch, DType dtype, int64_t n, void* to, const void* from);

}  // namespace hewn

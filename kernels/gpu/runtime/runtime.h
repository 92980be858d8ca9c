#pragma once
// What a GPU device asks of what drives it: CUDA's run time, or the emulation. One stream, in whose order
// everything marked "in order" happens; the rest happens at once.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "kernels/contract/isa.h"

namespace hewn {

struct GpuProperties {
  std::string name;          ///< "NVIDIA H200"
  int major = 0, minor = 0;  ///< compute capability
  int multiprocessors = 0;
  size_t memory_bytes = 0;  ///< of the device
  size_t shared_bytes = 0;  ///< a block may have
  size_t l2_bytes = 0;
};

class GpuRuntime {
 public:
  virtual ~GpuRuntime() = default;

  /// Whether operations may round the operands of float32 products to TF32, for tensor cores.
  bool tf32 = false;

  virtual Isa isa() const = 0;
  virtual const GpuProperties& properties() const = 0;
  /// What `Launch::stream` is to be.
  virtual void* stream() = 0;

  /// Device memory, aligned to 256; null when there is not enough.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* data) = 0;
  /// Host memory that copies can read and write by themselves, while the program goes on; null when there is
  /// not enough.
  virtual void* allocate_pinned(size_t bytes) = 0;
  virtual void release_pinned(void* data) = 0;

  /// In order. `pinned` must stay as it is until they are done.
  virtual void copy_in(void* device, const void* pinned, size_t bytes) = 0;
  virtual void copy_out(void* pinned, const void* device, size_t bytes) = 0;
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  virtual void fill(void* device, uint8_t value, size_t bytes) = 0;

  /// A point in the order of things.
  using Event = void*;
  virtual Event make_event() = 0;
  virtual void drop_event(Event event) = 0;
  /// In order: the event is here.
  virtual void record(Event event) = 0;
  virtual bool reached(Event event) = 0;
  virtual void wait(Event event) = 0;
  /// Between two events that were reached.
  virtual double seconds_between(Event first, Event second) = 0;

  /// Waits until everything was done; throws what went wrong in it.
  virtual void sync() = 0;

  /// From here to end_capture what is in order is noted, not done.
  using Graph = void*;
  virtual void begin_capture() = 0;
  virtual Graph end_capture() = 0;
  virtual bool capturing() const = 0;
  /// In order: everything that was noted.
  virtual void replay(Graph graph) = 0;
  virtual void drop_graph(Graph graph) = 0;
};

/// Runs kernels on the block emulator. Where host code touches the device's memory, the program ends with a
/// segmentation fault, as it would with a GPU's.
std::unique_ptr<GpuRuntime> make_emulated_runtime();

/// Runs them on the first GPU that CUDA sees (CUDA_VISIBLE_DEVICES chooses). Only in builds with CUDA.
std::unique_ptr<GpuRuntime> make_cuda_runtime();
/// Why that would fail, in a few words: no driver, no GPU; "" when it would not. Only in builds with CUDA.
std::string cuda_obstacle();
/// Ten times the compute capability of that GPU: 90 for 9.0; 0 where there is none. Asked once. Only in
/// builds with CUDA.
int cuda_capability();

}  // namespace hewn

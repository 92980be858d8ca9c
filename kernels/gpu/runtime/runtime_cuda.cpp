#include <cuda_runtime.h>

#include <array>
#include <cstdlib>
#include <string>
#include <thread>

#include "core/error.h"
#include "kernels/contract/launch.h"
#include "kernels/gpu/runtime/failure.h"
#include "kernels/gpu/runtime/runtime.h"
#include "kernels/gpu/simt/grid.h"

namespace hewn {
namespace {

/// Whether a kernel failed while it ran, and not the call that reports it.
bool while_running(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorAssert:
    case cudaErrorLaunchTimeout:
    case cudaErrorLaunchFailure:
    case cudaErrorECCUncorrectable: return true;
    default: return false;
  }
}

KernelFailures& failures() {
  static KernelFailures of_process([] {
    const char* const blocking = std::getenv("CUDA_LAUNCH_BLOCKING");
    return blocking && std::string(blocking) == "1";
  }());
  return of_process;
}

std::string text_of(cudaError_t error) {
  return join(cudaGetErrorString(error), " (", cudaGetErrorName(error), ")");
}

/// Throws with the operation that failed; clears the pending error.
void check(cudaError_t error, const char* doing) {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  fail(ErrorCode::failed, failures().of_call(doing, text_of(error), while_running(error)));
}

/// The template instance of a kernel; "" where CUDA cannot report it.
std::string instance_of(const void* kernel) {
#if CUDART_VERSION >= 12030
  const char* mangled = nullptr;
  if (cudaFuncGetName(&mangled, kernel) == cudaSuccess && mangled) return type_text(mangled);
  cudaGetLastError();
#else
  (void)kernel;
#endif
  return "";
}

class CudaRuntime final : public GpuRuntime {
 public:
  explicit CudaRuntime(int ordinal) {
    check(cudaSetDevice(ordinal), "choosing the GPU");
    cudaDeviceProp p{};
    check(cudaGetDeviceProperties(&p, ordinal), "reading the GPU's properties");
    std::array<char, 32> address{};
    check(cudaDeviceGetPCIBusId(address.data(), static_cast<int>(address.size()), ordinal),
          "reading the GPU's address");
    properties_ = {.name = p.name,
                   .address = address.data(),
                   .major = p.major,
                   .minor = p.minor,
                   .multiprocessors = p.multiProcessorCount,
                   .memory_bytes = p.totalGlobalMem,
                   .shared_bytes = p.sharedMemPerBlockOptin,
                   .l2_bytes = static_cast<size_t>(p.l2CacheSize)};
    for (Queue& queue : queues_) {
      check(cudaStreamCreateWithFlags(&queue.stream, cudaStreamNonBlocking), "creating a stream");
      check(cudaEventCreateWithFlags(&queue.end, cudaEventDisableTiming), "creating an event");
    }
  }
  ~CudaRuntime() override {
    for (const Queue& queue : queues_) {
      cudaEventDestroy(queue.end);
      cudaStreamDestroy(queue.stream);
    }
  }

  Isa isa() const override { return Isa::cuda; }
  const GpuProperties& properties() const override { return properties_; }
  void* stream() override { return now(); }
  void choose(Stream stream) override { chosen_ = stream; }
  Stream chosen() const override { return chosen_; }
  void await_other() override {
    const Queue& other = queues_[chosen_ == Stream::main ? 1 : 0];
    check(cudaEventRecord(other.end, other.stream), "recording an event");
    check(cudaStreamWaitEvent(now(), other.end, 0), "waiting for the other stream");
  }

  void* allocate(size_t bytes) override {
    void* data = nullptr;
    return enough(cudaMalloc(&data, bytes), "allocating memory") ? data : nullptr;
  }
  void release(void* data) override { cudaFree(data); }
  void* allocate_pinned(size_t bytes) override {
    void* data = nullptr;
    return enough(cudaHostAlloc(&data, bytes, cudaHostAllocDefault), "allocating pinned memory") ? data
                                                                                                 : nullptr;
  }
  void release_pinned(void* data) override { cudaFreeHost(data); }

  void copy_in(void* device, const void* pinned, size_t bytes) override {
    check(cudaMemcpyAsync(device, pinned, bytes, cudaMemcpyHostToDevice, now()), "copying to the GPU");
  }
  void copy_out(void* pinned, const void* device, size_t bytes) override {
    check(cudaMemcpyAsync(pinned, device, bytes, cudaMemcpyDeviceToHost, now()), "copying from the GPU");
  }
  void copy(void* to, const void* from, size_t bytes) override {
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, now()), "copying on the GPU");
  }
  void fill(void* device, uint8_t value, size_t bytes) override {
    check(cudaMemsetAsync(device, value, bytes, now()), "filling memory on the GPU");
  }

  Event make_event() override {
    cudaEvent_t event = nullptr;
    check(cudaEventCreate(&event), "creating an event");
    return event;
  }
  void drop_event(Event event) override { cudaEventDestroy(static_cast<cudaEvent_t>(event)); }
  void record(Event event) override {
    const unsigned flags = capturing_ ? cudaEventRecordExternal : cudaEventRecordDefault;
    check(cudaEventRecordWithFlags(static_cast<cudaEvent_t>(event), now(), flags), "recording an event");
  }
  bool reached(Event event) override {
    const cudaError_t state = cudaEventQuery(static_cast<cudaEvent_t>(event));
    if (state == cudaErrorNotReady) return false;
    check(state, "querying an event");
    return true;
  }
  void wait(Event event) override {
    check(cudaEventSynchronize(static_cast<cudaEvent_t>(event)), "waiting for the GPU");
  }
  double seconds_between(Event first, Event second) override {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(first),
                               static_cast<cudaEvent_t>(second)),
          "reading the time between two events");
    return static_cast<double>(milliseconds) * 1e-3;
  }

  void rest() override { std::this_thread::yield(); }
  void sync() override {
    for (const Queue& queue : queues_) check(cudaStreamSynchronize(queue.stream), "waiting for the GPU");
  }

  void begin_capture() override {
    // Relaxed, because the pool may allocate memory meanwhile.
    check(cudaStreamBeginCapture(now(), cudaStreamCaptureModeRelaxed), "beginning to capture a graph");
    capturing_ = true;
  }
  Graph end_capture() override {
    capturing_ = false;
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(now(), &graph), "ending the capture of a graph");
    cudaGraphExec_t ready = nullptr;
    const cudaError_t error = cudaGraphInstantiate(&ready, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "instantiating a graph");
    return ready;
  }
  bool capturing() const override { return capturing_; }
  void replay(Graph graph) override {
    check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), now()), "launching a graph");
  }
  void drop_graph(Graph graph) override { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); }

 private:
  /// Returns false if there is not enough memory.
  static bool enough(cudaError_t error, const char* doing) {
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return false;
    }
    check(error, doing);
    return true;
  }

  /// A stream, and the event that stands for its end when the other one waits for it.
  struct Queue {
    cudaStream_t stream = nullptr;
    cudaEvent_t end = nullptr;
  };
  cudaStream_t now() const { return queues_[static_cast<size_t>(chosen_)].stream; }

  GpuProperties properties_;
  std::array<Queue, 2> queues_;  // by Stream
  Stream chosen_ = Stream::main;
  bool capturing_ = false;
};

dim3 dim_of(const Extent& e) { return {e.x, e.y, e.z}; }

}  // namespace

void launch_cuda(const Launch& on, const char* name, const Grid& grid, const void* kernel, void** arguments,
                 std::string (*text)(void** arguments)) {
  const Extent& blocks = grid.blocks;
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0) return;
  cudaError_t error = cudaSuccess;
  if (opts_in(grid))
    error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(grid.shared_bytes));
  if (error == cudaSuccess)
    error = cudaLaunchKernel(kernel, dim_of(blocks), dim_of(grid.threads), arguments, grid.shared_bytes,
                             static_cast<cudaStream_t>(on.stream));
  if (error == cudaSuccess) return;
  cudaGetLastError();
  const std::string launch = launch_text(name, instance_of(kernel), text(arguments), grid);
  fail(ErrorCode::failed, failures().of_launch(launch, text_of(error), while_running(error)));
}

std::string cuda_obstacle(int number) {
  // The first call of the runtime reports what is wrong with driver and devices, if anything.
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) cudaGetLastError();
  if (error == cudaErrorInsufficientDriver) {
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no NVIDIA driver is installed";
    return "the NVIDIA driver is too old: it supports CUDA " + std::to_string(driver / 1000) + "." +
           std::to_string(driver % 1000 / 10) + ", this build needs " +
           std::to_string(CUDART_VERSION / 1000) + ".0";
  }
  if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) return "no NVIDIA GPU was found";
  if (error != cudaSuccess) return cudaGetErrorString(error);
  cudaDeviceProp p{};
  if (const cudaError_t asked = cudaGetDeviceProperties(&p, number % count); asked != cudaSuccess)
    return cudaGetErrorString(asked);
  if (p.major < 8)
    return std::string("the ") + p.name + " has compute capability " + std::to_string(p.major) + "." +
           std::to_string(p.minor) + "; expected 8.0 (Ampere) or newer";
  return "";
}

int cuda_capability() {
  static const int asked = [] {
    int gpu = 0, major = 0, minor = 0;
    if (cudaGetDevice(&gpu) == cudaSuccess &&
        cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, gpu) == cudaSuccess &&
        cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, gpu) == cudaSuccess)
      return 10 * major + minor;
    cudaGetLastError();
    return 0;
  }();
  return asked;
}

int cuda_gpus() {
  int count = 0;
  check(cudaGetDeviceCount(&count), "counting the GPUs");
  return count;
}

std::unique_ptr<GpuRuntime> make_cuda_runtime(int number) {
  return std::make_unique<CudaRuntime>(number % cuda_gpus());
}

}  // namespace hewn

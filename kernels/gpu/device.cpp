#include "kernels/gpu/device.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "kernels/gpu/add.h"

namespace hewn {
namespace {

/// Pinned buffers through which uploads from ordinary memory go, so that the caller's bytes may change at
/// once and nobody waits for the GPU: a ring, each with the event of its last use.
class Staging {
 public:
  static constexpr size_t chunk = size_t{1} << 20;

  explicit Staging(GpuRuntime& gpu) : gpu_(gpu) {}
  ~Staging() {
    for (Slot& slot : slots_) {
      if (slot.used) gpu_.drop_event(slot.used);
      if (slot.data) gpu_.release_pinned(slot.data);
    }
  }
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  void upload(void* device, const void* host, size_t bytes) {
    for (size_t done = 0; done < bytes; done += chunk) {
      Slot& slot = next();
      const size_t part = std::min(chunk, bytes - done);
      std::memcpy(slot.data, static_cast<const uint8_t*>(host) + done, part);
      gpu_.copy_in(static_cast<uint8_t*>(device) + done, slot.data, part);
      gpu_.record(slot.used);
    }
  }

  void download(void* host, const void* device, size_t bytes) {
    for (size_t done = 0; done < bytes; done += chunk) {
      Slot& slot = next();
      const size_t part = std::min(chunk, bytes - done);
      gpu_.copy_out(slot.data, static_cast<const uint8_t*>(device) + done, part);
      gpu_.record(slot.used);
      gpu_.wait(slot.used);
      std::memcpy(static_cast<uint8_t*>(host) + done, slot.data, part);
    }
  }

 private:
  struct Slot {
    void* data = nullptr;
    GpuRuntime::Event used = nullptr;
  };

  Slot& next() {
    Slot& slot = slots_[turn_++ % std::size(slots_)];
    if (slot.used) {
      gpu_.wait(slot.used);
      return slot;
    }
    slot.data = gpu_.allocate_pinned(chunk);
    if (!slot.data)
      fail(ErrorCode::memory, "out of host memory: ", chunk, " bytes of pinned memory for copies");
    slot.used = gpu_.make_event();
    return slot;
  }

  GpuRuntime& gpu_;
  Slot slots_[8];
  size_t turn_ = 0;
};

class Gpu final : public Executor {
 public:
  Gpu(std::string name, std::unique_ptr<GpuRuntime> runtime)
      : name_(std::move(name)), runtime_(std::move(runtime)), staging_(*runtime_) {}
  ~Gpu() override {
    try {
      runtime_->sync();
    } catch (const Error&) {
      // What failed has been reported, or nobody asked for its result.
    }
    drop_memory();
  }

  Kind kind() const override { return Kind::cuda; }
  std::string name() const override { return name_; }
  Isa isa() const override { return runtime_->isa(); }
  int threads() const override { return runtime_->properties().multiprocessors; }
  bool runs() const override { return true; }
  void* stream() const override { return runtime_->stream(); }
  GpuRuntime* gpu() override { return runtime_.get(); }

  void* raw_alloc(size_t bytes) override {
    void* const data = runtime_->allocate(bytes);
    if (!data)
      fail(ErrorCode::memory, name_, ": out of memory: ", bytes, " bytes more than the ",
           pool().stats().reserved, " in use of ", runtime_->properties().memory_bytes,
           "; try a smaller batch_size or block_size (hewn plan tells what fits)");
    return data;
  }
  void raw_free(void* data, size_t) override { runtime_->release(data); }
  void copy(void* dst, const void* src, size_t bytes) override {
    if (bytes) runtime_->copy(dst, src, bytes);
  }
  void upload(void* dst, const void* host, size_t bytes) override {
    require_no_capture("copied from the host");
    staging_.upload(dst, host, bytes);
  }
  void download(void* host, const void* src, size_t bytes) override {
    require_no_capture("copied to the host");
    staging_.download(host, src, bytes);
  }
  void fill(void* data, uint8_t value, size_t bytes) override {
    if (bytes) runtime_->fill(data, value, bytes);
  }
  void add(DType dtype, int64_t n, void* dst, const void* src) override {
    if (dtype != DType::f32 && dtype != DType::f64)
      fail(ErrorCode::failed, "the ", name_, " device cannot add elements of ", hewn::name_of(dtype));
    const Launch launch{.threads = threads(), .stream = stream()};
    if constexpr (emulator_compiled)
      if (isa() == Isa::emulated) return gpu_add<Isa::emulated>(launch, dtype, n, dst, src);
    if constexpr (cuda_compiled) gpu_add<Isa::cuda>(launch, dtype, n, dst, src);
  }
  void sync() override { runtime_->sync(); }

 private:
  /// Each replay of a graph would copy whatever stands in a buffer of the ring by then.
  void require_no_capture(const char* what) const {
    if (runtime_->capturing())
      fail(ErrorCode::failed, name_, ": nothing can be ", what, " while a graph is captured");
  }

  std::string name_;
  std::unique_ptr<GpuRuntime> runtime_;
  Staging staging_;
};

}  // namespace

std::unique_ptr<Executor> make_gpu(std::string name, std::unique_ptr<GpuRuntime> runtime) {
  return std::make_unique<Gpu>(std::move(name), std::move(runtime));
}

}  // namespace hewn

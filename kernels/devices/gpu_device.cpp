#include "kernels/devices/gpu_device.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <utility>
#include <vector>

#include "core/base/not_copied.h"
#include "kernels/gpu/runtime/runtime.h"

namespace hewn {
namespace {

/// A ring of pinned memory for uploads from ordinary memory: the caller may change its bytes right away, and
/// nobody waits for the GPU while there is room. It holds the batches of dozens of micro-steps.
class Staging : NotCopied {
 public:
  explicit Staging(GpuRuntime& gpu) : gpu_(gpu) {}
  ~Staging() {
    for (const Use& use : uses_) gpu_.drop_event(use.done);
    for (const GpuRuntime::Event event : spare_events_) gpu_.drop_event(event);
    if (ring_) gpu_.release_pinned(ring_);
  }

  void upload(void* device, const void* host, size_t bytes) {
    for (size_t done = 0; done < bytes; done += piece) {
      const size_t part = std::min(piece, bytes - done);
      const uint64_t place = make_room(part);
      std::memcpy(at(place), static_cast<const uint8_t*>(host) + done, part);
      gpu_.copy_in(static_cast<uint8_t*>(device) + done, at(place), part);
      keep(place);
    }
  }

  void download(void* host, const void* device, size_t bytes) {
    for (size_t done = 0; done < bytes; done += piece) {
      const size_t part = std::min(piece, bytes - done);
      const uint64_t place = make_room(part);
      gpu_.copy_out(at(place), static_cast<const uint8_t*>(device) + done, part);
      gpu_.wait(keep(place));
      std::memcpy(static_cast<uint8_t*>(host) + done, at(place), part);
    }
  }

 private:
  static constexpr size_t capacity = size_t{16} << 20, piece = size_t{1} << 20, alignment = 256;

  /// Bytes of the ring from `place` on, in use until the event. Places keep counting up from one
  /// round to the next.
  struct Use {
    uint64_t place;
    GpuRuntime::Event done;
  };

  uint8_t* at(uint64_t place) const { return ring_ + place % capacity; }

  /// Returns the place of `bytes` contiguous bytes, after waiting until the previous contents there
  /// are no longer used.
  uint64_t make_room(size_t bytes) {
    if (!ring_) ring_ = static_cast<uint8_t*>(gpu_.allocate_pinned(capacity));
    if (!ring_)
      fail(ErrorCode::memory, "out of host memory: ", capacity, " bytes of pinned memory for copies");
    uint64_t place = end_;
    if (place % capacity + bytes > capacity) place += capacity - place % capacity;
    end_ = place + (bytes + alignment - 1) / alignment * alignment;
    while (!uses_.empty() && (uses_.front().place + capacity < end_ || gpu_.reached(uses_.front().done))) {
      gpu_.wait(uses_.front().done);
      spare_events_.push_back(uses_.front().done);
      uses_.pop_front();
    }
    return place;
  }

  /// Records and returns an event; the bytes at `place` are in use until it is reached.
  GpuRuntime::Event keep(uint64_t place) {
    if (spare_events_.empty()) spare_events_.push_back(gpu_.make_event());
    const GpuRuntime::Event done = spare_events_.back();
    gpu_.record(done);
    spare_events_.pop_back();
    uses_.push_back({place, done});
    return done;
  }

  GpuRuntime& gpu_;
  uint8_t* ring_ = nullptr;
  uint64_t end_ = 0;
  std::deque<Use> uses_;  // oldest first
  std::vector<GpuRuntime::Event> spare_events_;
};

class Gpu final : public Executor {
 public:
  Gpu(std::string name, std::unique_ptr<GpuRuntime> runtime)
      : name_(std::move(name)), runtime_(std::move(runtime)), staging_(*runtime_) {}
  ~Gpu() override {
    try {
      runtime_->sync();
    } catch (const Error&) {
      // The failure has been reported, or nobody needed the result.
    }
    drop_memory();
  }

  Kind kind() const override { return Kind::cuda; }
  std::string name() const override { return name_; }
  Isa isa() const override { return runtime_->isa(); }
  int threads() const override { return runtime_->properties().multiprocessors; }
  bool runs() const override { return true; }
  size_t memory_bytes() const override { return runtime_->properties().memory_bytes; }
  void* stream() const override { return runtime_->stream(); }
  GpuRuntime* gpu() override { return runtime_.get(); }

  void* raw_alloc(size_t bytes) override {
    void* const data = runtime_->allocate(bytes);
    if (!data)
      fail(ErrorCode::memory, name_, ": out of memory: ", bytes, " bytes more than the ",
           pool().stats().reserved, " in use of ", runtime_->properties().memory_bytes,
           "; try a smaller batch_size or block_size (`hewn plan` prints what fits)");
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
    if (dtype != DType::f32 && dtype != DType::f64 && dtype != DType::bf16)
      fail(ErrorCode::failed, "the ", name_, " device cannot add elements of dtype ", hewn::name_of(dtype));
    const Launch launch{.threads = threads(), .stream = stream()};
    if constexpr (emulator_compiled)
      if (isa() == Isa::emulated) return gpu_add<Isa::emulated>(launch, dtype, n, dst, src);
    if constexpr (cuda_compiled) gpu_add<Isa::cuda>(launch, dtype, n, dst, src);
  }
  void sync() override { runtime_->sync(); }

 private:
  /// Each replay of a graph would copy whatever the ring buffer contains at that time.
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

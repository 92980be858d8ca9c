#include "kernels/devices/devices.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "core/io/limits.h"
#include "kernels/contract/parallel.h"
#include "kernels/contract/reference.h"
#include "kernels/devices/gpu_device.h"

namespace hewn {
namespace {

constexpr size_t huge_page = size_t{2} << 20;
// glibc returns larger blocks to the system when they are freed.
constexpr size_t most_kept = size_t{32} << 20;

template <class T>
void add_elements(int64_t n, void* dst, const void* src) {
  T* const sum = static_cast<T*>(dst);
  const T* const term = static_cast<const T*>(src);
  for (int64_t i = 0; i < n; ++i)
    if constexpr (std::is_same_v<T, BFloat16>)
      put(sum[i], to_double(term[i]), Write::add);
    else
      sum[i] += term[i];
}

class Cpu final : public Executor {
 public:
  Cpu(int threads, Isa isa) : threads_(threads), isa_(isa) {
    require(threads >= 1 && threads <= 1024, "threads = ", threads, "; expected 1 to 1024");
    require(supported(isa), "this processor cannot run ", name_of(isa));
  }
  ~Cpu() override { drop_memory(); }

  Kind kind() const override { return Kind::cpu; }
  std::string name() const override { return "cpu"; }
  Isa isa() const override { return isa_; }
  int threads() const override { return threads_; }
  bool runs() const override { return true; }

  void* raw_alloc(size_t bytes) override {
    // The system grants a block whatever the limits are, and would end the process when it writes there. Smaller blocks
    // may be ones that `malloc` has kept.
    if (bytes > most_kept)
      if (const size_t left = memory_within_limits(); bytes > left)
        fail(ErrorCode::memory, "out of memory: ", bytes, " bytes more than the ", pool().stats().reserved,
             " in use, but the limits of this process (its container or ulimit) leave ", left,
             "; raise them, or try a smaller model, batch_size or block_size");
    // Large blocks start on huge-page boundaries: fewer page faults and TLB misses.
    void* data = nullptr;
    if (bytes >= 2 * huge_page) {
      data = std::aligned_alloc(huge_page, (bytes + huge_page - 1) / huge_page * huge_page);
      if (data) madvise(data, bytes, MADV_HUGEPAGE);
    } else {
      data = std::aligned_alloc(256, bytes);
    }
    if (!data)
      fail(ErrorCode::memory, "out of memory: ", bytes, " bytes more than the ", pool().stats().reserved,
           " in use; try a smaller batch_size or block_size (`hewn plan` prints what fits)");
    return data;
  }
  void raw_free(void* data, size_t) override { std::free(data); }
  void copy(void* dst, const void* src, size_t bytes) override { std::memmove(dst, src, bytes); }
  void upload(void* dst, const void* host, size_t bytes) override {
    if (bytes) std::memcpy(dst, host, bytes);
  }
  void download(void* host, const void* src, size_t bytes) override {
    if (bytes) std::memcpy(host, src, bytes);
  }
  void fill(void* data, uint8_t value, size_t bytes) override { std::memset(data, value, bytes); }
  void add(DType dtype, int64_t n, void* dst, const void* src) override {
    switch (dtype) {
      case DType::f32: return add_elements<float>(n, dst, src);
      case DType::f64: return add_elements<double>(n, dst, src);
      case DType::bf16: return add_elements<BFloat16>(n, dst, src);
      default: fail(ErrorCode::failed, "the cpu device cannot add elements of dtype ", name_of(dtype));
    }
  }
  void sync() override {}

 private:
  int threads_;
  Isa isa_;
};

class Meta final : public Executor {
 public:
  Meta(int threads, Isa isa, size_t memory_bytes)
      : threads_(threads), isa_(isa), memory_bytes_(memory_bytes) {}
  ~Meta() override { drop_memory(); }

  Kind kind() const override { return Kind::meta; }
  std::string name() const override {
    return on_gpu(isa_) ? "meta as " + std::string(hewn::name_of(isa_)) : "meta";
  }
  Isa isa() const override { return isa_; }
  int threads() const override { return threads_; }
  bool runs() const override { return false; }
  size_t memory_bytes() const override { return memory_bytes_; }

  /// Returns addresses that must not be accessed, each range only once.
  void* raw_alloc(size_t bytes) override {
    const uintptr_t at = next_;
    next_ += (bytes + 255) / 256 * 256;
    return reinterpret_cast<void*>(at);
  }
  void raw_free(void*, size_t) override {}
  void copy(void*, const void*, size_t) override {}
  void upload(void*, const void*, size_t) override {}
  void download(void*, const void*, size_t) override {
    fail(ErrorCode::failed, "the meta device has no values to read");
  }
  void fill(void*, uint8_t, size_t) override {}
  void add(DType, int64_t, void*, const void*) override {}
  void sync() override {}

 private:
  int threads_;
  Isa isa_;
  size_t memory_bytes_;
  uintptr_t next_ = uintptr_t{1} << 32;
};

/// The number of threads at the start of an environment variable; 0 if it is not set. `more` are the
/// characters that may follow: OpenMP's variable is a list with an entry per level of nested regions, and
/// ours are the first level.
int threads_from(const char* name, std::string_view more) {
  const char* const asked = std::getenv(name);
  if (!asked || !*asked) return 0;
  char* end = nullptr;
  const long n = std::strtol(asked, &end, 10);
  const bool ends = *end == '\0' || more.find(*end) != more.npos;
  require(ends && n >= 1 && n <= 1024, name, "=", asked, "; expected a whole number from 1 to 1024");
  return static_cast<int>(n);
}

void require_cuda(int number) {
  const std::string obstacle = why_no_cuda(number);
  if (!obstacle.empty()) fail(ErrorCode::failed, "device cuda is not usable: ", obstacle);
}

}  // namespace

int default_threads() {
  if (const int n = threads_from("HEWN_THREADS", "")) return n;
  if (const int n = threads_from("OMP_NUM_THREADS", ", \t")) return n;
  return available_cores();
}

std::unique_ptr<Executor> make_cpu(int threads, Isa isa) { return std::make_unique<Cpu>(threads, isa); }
std::unique_ptr<Executor> make_meta(int threads, Isa isa, size_t memory_bytes) {
  return std::make_unique<Meta>(threads, isa, memory_bytes);
}

std::string why_no_cuda([[maybe_unused]] int number) {
  if constexpr (cuda_compiled) return cuda_obstacle(number);
  return "this build has no CUDA code; configure it with -DHEWN_CUDA=ON";
}

int count_cuda() {
  require_cuda(0);
  if constexpr (cuda_compiled) return cuda_gpus();
  return 0;
}

std::unique_ptr<Executor> make_cuda(int number) {
  require_cuda(number);
  if constexpr (cuda_compiled) return make_gpu("cuda", make_cuda_runtime(number));
  return nullptr;
}

std::string cuda_description() {
  if constexpr (!cuda_compiled) return "";
  const auto runtime = make_cuda_runtime();
  const GpuProperties& p = runtime->properties();
  return p.name + " (sm_" + std::to_string(p.major) + std::to_string(p.minor) + ")";
}

std::unique_ptr<Executor> make_emulated_gpu() {
  if constexpr (emulator_compiled) return make_gpu("emulated", make_emulated_runtime());
  fail(ErrorCode::failed, "this build has no emulated GPU; configure it with -DHEWN_EMULATOR=ON");
}

Executor& cpu() {
  static const std::unique_ptr<Executor> device = make_cpu();
  return *device;
}

void* Executor::scratch(size_t bytes) {
  if (bytes > scratch_bytes_) {
    const MemUseScope purpose(MemUse::scratch);
    if (scratch_) pool().release(scratch_);
    scratch_ = pool().allocate(bytes);
    scratch_bytes_ = bytes;
  }
  return scratch_;
}

void Executor::drop_memory() {
  if (scratch_) pool().release(scratch_);
  scratch_ = nullptr;
  drop_pool();
}

}  // namespace hewn

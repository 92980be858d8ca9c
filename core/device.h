#pragma once
// Devices: where the bytes of tensors live. core/ uses devices only through these few calls; kernels/
// implements them (cpu, meta, cuda).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/not_copied.h"
#include "core/dtype.h"

namespace hewn {

class Pool;

class Device : NotCopied {
 public:
  enum class Kind : uint8_t { cpu, meta, cuda };

  Device();
  virtual ~Device();

  virtual Kind kind() const = 0;
  /// "cpu", "meta", "cuda:0"
  virtual std::string name() const = 0;

  /// Memory directly from the system, aligned to 256 bytes. Throws ErrorCode::memory. Only `Pool` calls these.
  virtual void* raw_alloc(size_t bytes) = 0;
  virtual void raw_free(void* data, size_t bytes) = 0;

  /// dst := src, both on this device, in order with everything launched before.
  virtual void copy(void* dst, const void* src, size_t bytes) = 0;
  /// Copies between this device and host memory. `download` returns once the bytes have arrived.
  virtual void upload(void* dst, const void* host, size_t bytes) = 0;
  virtual void download(void* host, const void* src, size_t bytes) = 0;
  /// Sets every byte to `value`.
  virtual void fill(void* data, uint8_t value, size_t bytes) = 0;
  /// dst[i] += src[i] for n elements of a floating type: the only arithmetic that the tape itself needs.
  virtual void add(DType dtype, int64_t n, void* dst, const void* src) = 0;
  /// Waits until all launched work is finished.
  virtual void sync() = 0;

  /// The caching allocator of this device.
  Pool& pool() { return *pool_; }
  const Pool& pool() const { return *pool_; }

 protected:
  /// Returns cached memory to the system. Derived classes call it in their destructor, while raw_free still exists.
  void drop_pool();

 private:
  std::unique_ptr<Pool> pool_;
};

}  // namespace hewn

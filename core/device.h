#pragma once
// Where bytes live. core/ knows a device by these few calls; kernels/ implements them (cpu, meta, cuda).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/dtype.h"

namespace hewn {

class Pool;

class Device {
 public:
  enum class Kind : uint8_t { cpu, meta, cuda };

  Device();
  virtual ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  virtual Kind kind() const = 0;
  /// "cpu", "meta", "cuda:0"
  virtual std::string name() const = 0;

  /// Bytes straight from the system, aligned to 256. Throws ErrorCode::memory. Only `Pool` calls these.
  virtual void* raw_alloc(size_t bytes) = 0;
  virtual void raw_free(void* data, size_t bytes) = 0;

  /// dst := src, both on this device. Ordered after everything launched before.
  virtual void copy(void* dst, const void* src, size_t bytes) = 0;
  /// Between this device and host memory. `download` returns when the bytes are there.
  virtual void upload(void* dst, const void* host, size_t bytes) = 0;
  virtual void download(void* host, const void* src, size_t bytes) = 0;
  /// Every byte := value.
  virtual void fill(void* data, uint8_t value, size_t bytes) = 0;
  /// dst[i] += src[i] for n elements of a floating type: the one sum the tape itself needs.
  virtual void add(DType dtype, int64_t n, void* dst, const void* src) = 0;
  /// Waits until everything launched is done.
  virtual void sync() = 0;

  /// The caching allocator of this device.
  Pool& pool() { return *pool_; }
  const Pool& pool() const { return *pool_; }

 protected:
  /// Gives cached memory back; a derived class calls it in its destructor, while raw_free still exists.
  void drop_pool();

 private:
  std::unique_ptr<Pool> pool_;
};

}  // namespace hewn

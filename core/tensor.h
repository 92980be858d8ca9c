#pragma once
// Tensors: shape and strides over shared storage. A tensor is a small value; copies share the elements.

#include <memory>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "core/memory.h"
#include "core/shape.h"

namespace hewn {

struct Variable;  // the tape's side of a tensor (core/tape.h)

class Tensor {
 public:
  /// No tensor; `defined()` is false.
  Tensor() = default;

  /// Uninitialised, contiguous, from the device's pool.
  static Tensor empty(Device& device, DType dtype, const Shape& shape);
  /// All bytes zero.
  static Tensor zeros(Device& device, DType dtype, const Shape& shape);
  /// A contiguous tensor at the start of existing storage. Throws usage if the storage is too small.
  static Tensor over(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape);
  /// A copy of host values. Throws usage if their number does not match the shape.
  template <class T>
  static Tensor from(Device& device, std::span<const T> values, const Shape& shape) {
    return from_host(device, dtype_of<T>, values.data(), values.size(), shape);
  }
  template <class T>
  static Tensor from(Device& device, const std::vector<T>& values, const Shape& shape) {
    return from(device, std::span<const T>(values), shape);
  }

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  int rank() const { return shape_.rank(); }
  int64_t dim(int i) const { return shape_[i]; }
  int64_t numel() const { return shape_.numel(); }
  /// Size of the last dimension (1 for a scalar), and the number of such rows.
  int64_t cols() const { return rank() == 0 ? 1 : dim(-1); }
  int64_t rows() const { return cols() == 0 ? 0 : numel() / cols(); }
  int64_t stride(int i) const { return strides_[static_cast<size_t>(shape_.axis(i))]; }
  const Strides& strides() const { return strides_; }
  DType dtype() const { return dtype_; }
  Device& device() const { return *storage_->device; }
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  size_t bytes() const { return static_cast<size_t>(numel()) * size_of(dtype_); }
  bool is_contiguous() const;

  /// The first element, on the device. `ptr` throws usage if T is not the dtype.
  void* data() const;
  template <class T>
  T* ptr() const {
    expect(dtype_of<T>);
    return static_cast<T*>(data());
  }

  /// Host copies in row-major order, whatever the strides. `values` requires T to be the dtype; `doubles`
  /// converts any floating or integer type. Neither works on `meta`.
  template <class T>
  std::vector<T> values() const {
    expect(dtype_of<T>);
    std::vector<T> host(static_cast<size_t>(numel()));
    download(host.data());
    return host;
  }
  std::vector<double> doubles() const;
  /// The value of a one-element tensor. Throws usage if there is not exactly one element.
  double item() const;

  /// Views without a gradient; kernels/copy has differentiable ones. `viewed` requires contiguous elements.
  Tensor viewed(const Shape& shape) const;
  Tensor transposed(int i, int j) const;
  Tensor sliced(int dim, int64_t start, int64_t length) const;
  /// Any strides over the same storage, starting `offset` elements from its start. Throws usage if elements
  /// would lie outside of the storage.
  Tensor strided(const Shape& shape, const Strides& strides, int64_t offset) const;
  int64_t offset() const { return offset_; }

  /// A new uninitialised tensor on the same device, of the same dtype and of this or another shape.
  Tensor like() const { return empty(device(), dtype_, shape_); }
  Tensor like(const Shape& shape) const { return empty(device(), dtype_, shape); }
  /// A contiguous copy of a contiguous tensor, without a gradient.
  Tensor clone() const;
  /// Overwrites the elements, from `bytes()` bytes of host memory or from another tensor of the same shape
  /// and dtype. Both must be contiguous. Counts as an in-place change.
  void upload(const void* host);
  void copy_from(const Tensor& other);
  void zero();
  /// Registers an in-place change, so that the tape refuses a value saved before it.
  void changed() { ++storage_->version; }

  /// Names the elements for tools that print the tape: "tokens". The name must live as long as the program.
  void set_name(const char* name) const { storage_->name = name; }

  /// The tape's side of this tensor; null for a constant.
  const std::shared_ptr<Variable>& variable() const { return variable_; }
  void set_variable(std::shared_ptr<Variable> variable) { variable_ = std::move(variable); }
  /// The same elements as a constant.
  Tensor detached() const;
  bool requires_grad() const { return variable_ != nullptr; }

 private:
  static Tensor from_host(Device& device, DType dtype, const void* values, size_t count, const Shape& shape);
  void expect(DType dtype) const;
  void download(void* host) const;

  std::shared_ptr<Storage> storage_;
  std::shared_ptr<Variable> variable_;
  Shape shape_;
  Strides strides_{};
  int64_t offset_ = 0;
  DType dtype_ = DType::f32;
};

}  // namespace hewn

#include "core/tensor.h"

#include <cstring>

#include "core/error.h"

namespace hewn {
namespace {

/// Calls f(element index in storage) for every element in row-major order.
template <class F>
void for_each_element(const Shape& shape, const Strides& strides, int64_t offset, F f) {
  const int rank = shape.rank();
  std::array<int64_t, max_rank> at{};
  for (int64_t n = 0; n < shape.numel(); ++n) {
    f(offset);
    for (int i = rank - 1; i >= 0; --i) {
      const auto d = static_cast<size_t>(i);
      offset += strides[d];
      if (++at[d] < shape[i]) break;
      offset -= at[d] * strides[d];
      at[d] = 0;
    }
  }
}

template <class T>
std::vector<double> widened(const T* values, int64_t n) {
  if constexpr (!std::is_same_v<T, BFloat16> && !std::is_same_v<T, Float16>) {
    return {values, values + n};
  } else {
    std::vector<double> wide;
    wide.reserve(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) wide.push_back(static_cast<double>(static_cast<float>(values[i])));
    return wide;
  }
}

template <class T>
std::vector<double> widen(const Tensor& t) {
  if (t.device().kind() == Device::Kind::cpu && t.is_contiguous()) return widened(t.ptr<T>(), t.numel());
  return widened(t.values<T>().data(), t.numel());
}

}  // namespace

Tensor Tensor::empty(Device& device, DType dtype, const Shape& shape) {
  const auto bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
  return over(Storage::allocate(device, bytes), dtype, shape);
}

Tensor Tensor::zeros(Device& device, DType dtype, const Shape& shape) {
  Tensor t = empty(device, dtype, shape);
  device.fill(t.data(), 0, t.bytes());
  return t;
}

Tensor Tensor::over(std::shared_ptr<Storage> storage, DType dtype, const Shape& shape) {
  Tensor t;
  t.shape_ = shape;
  t.strides_ = contiguous_strides(shape);
  t.dtype_ = dtype;
  t.storage_ = std::move(storage);
  require(t.bytes() <= t.storage_->bytes, "a tensor of shape ", shape, " and dtype ", name_of(dtype),
          " does not fit in a storage of ", t.storage_->bytes, " bytes");
  return t;
}

Tensor Tensor::from_host(Device& device, DType dtype, const void* values, size_t count, const Shape& shape) {
  require(count == static_cast<size_t>(shape.numel()), count, " values for a tensor of shape ", shape);
  Tensor t = empty(device, dtype, shape);
  device.upload(t.data(), values, t.bytes());
  return t;
}

bool Tensor::is_contiguous() const {
  int64_t step = 1;
  for (int i = rank() - 1; i >= 0; --i) {
    if (dim(i) != 1 && strides_[static_cast<size_t>(i)] != step) return false;
    step *= dim(i);
  }
  return true;
}

void* Tensor::data() const {
  require(defined(), "an undefined tensor has no data");
  return static_cast<uint8_t*>(storage_->arrived()) + static_cast<size_t>(offset_) * size_of(dtype_);
}

void Tensor::expect(DType dtype) const {
  require(dtype_ == dtype, "a tensor of dtype ", name_of(dtype_), " is used as ", name_of(dtype));
}

void Tensor::download(void* host) const {
  require(device().kind() != Device::Kind::meta, "a tensor on the meta device has no values");
  if (is_contiguous()) return device().download(host, data(), bytes());
  const size_t size = size_of(dtype_);
  std::vector<uint8_t> all(storage_->bytes);
  device().download(all.data(), storage_->arrived(), all.size());
  auto* out = static_cast<uint8_t*>(host);
  for_each_element(shape_, strides_, offset_, [&](int64_t at) {
    std::memcpy(out, all.data() + static_cast<size_t>(at) * size, size);
    out += size;
  });
}

std::vector<double> Tensor::doubles() const {
  switch (dtype_) {
    case DType::f64: return widen<double>(*this);
    case DType::f32: return widen<float>(*this);
    case DType::bf16: return widen<BFloat16>(*this);
    case DType::f16: return widen<Float16>(*this);
    case DType::i64: return widen<int64_t>(*this);
    case DType::i32: return widen<int32_t>(*this);
    case DType::u16: return widen<uint16_t>(*this);
    case DType::i8: return widen<int8_t>(*this);
    case DType::u8: return widen<uint8_t>(*this);
  }
  return {};
}

double Tensor::item() const {
  require(numel() == 1, "item() of a tensor of shape ", shape_, "; expected exactly one element");
  return doubles()[0];
}

Tensor Tensor::viewed(const Shape& shape) const {
  require(is_contiguous(), "view of a tensor whose elements are not contiguous; call contiguous() first");
  require(shape.numel() == numel(), "a tensor of shape ", shape_, " cannot be viewed as ", shape,
          ": the numbers of elements differ");
  Tensor t = detached();
  t.shape_ = shape;
  t.strides_ = contiguous_strides(shape);
  return t;
}

Tensor Tensor::transposed(int i, int j) const {
  const auto a = static_cast<size_t>(shape_.axis(i)), b = static_cast<size_t>(shape_.axis(j));
  Tensor t = detached();
  t.shape_ = shape_.with(i, dim(j)).with(j, dim(i));
  std::swap(t.strides_[a], t.strides_[b]);
  return t;
}

Tensor Tensor::sliced(int dim, int64_t start, int64_t length) const {
  const int d = shape_.axis(dim);
  require(start >= 0 && length >= 0 && start <= shape_[d] - length, "slice [", start, ", ", start + length,
          ") of dimension ", d, " is out of range for a tensor of shape ", shape_);
  Tensor t = detached();
  t.shape_ = shape_.with(d, length);
  t.offset_ += start * strides_[static_cast<size_t>(d)];
  return t;
}

Tensor Tensor::strided(const Shape& shape, const Strides& strides, int64_t offset) const {
  int64_t last = offset, first = offset;
  for (int i = 0; i < shape.rank(); ++i) {
    const int64_t reach = (shape[i] - 1) * strides[static_cast<size_t>(i)];
    (reach > 0 ? last : first) += reach;
  }
  require(shape.numel() == 0 ||
              (first >= 0 && static_cast<size_t>(last + 1) * size_of(dtype_) <= storage_->bytes),
          "a strided view of shape ", shape, " at offset ", offset, " exceeds its storage of ",
          storage_->bytes, " bytes");
  Tensor t = detached();
  t.shape_ = shape;
  t.strides_ = strides;
  t.offset_ = offset;
  return t;
}

Tensor Tensor::clone() const {
  Tensor t = like();
  t.copy_from(*this);
  return t;
}

void Tensor::upload(const void* host) {
  require(is_contiguous(), "upload into a tensor whose elements are not contiguous");
  device().upload(data(), host, bytes());
  changed();
}

void Tensor::copy_from(const Tensor& other) {
  require(shape_ == other.shape_ && dtype_ == other.dtype_ && &device() == &other.device(), "cannot copy a ",
          name_of(other.dtype_), " tensor of shape ", other.shape_, " into a ", name_of(dtype_),
          " tensor of shape ", shape_);
  require(is_contiguous() && other.is_contiguous(), "copy between tensors whose elements are not contiguous");
  device().copy(data(), other.data(), bytes());
  changed();
}

void Tensor::zero() {
  require(is_contiguous(), "zero() of a tensor whose elements are not contiguous");
  device().fill(data(), 0, bytes());
  changed();
}

Tensor Tensor::detached() const {
  Tensor t = *this;
  t.variable_ = nullptr;
  return t;
}

}  // namespace hewn

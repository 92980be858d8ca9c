#include "core/shape.h"

#include <algorithm>
#include <ostream>

#include "core/error.h"

namespace hewn {

Shape::Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
  require(sizes.size() <= max_rank, "shape with ", sizes.size(), " dimensions; at most ", max_rank,
          " are supported");
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  for (const int64_t size : sizes) {
    require(size >= 0, "shape ", *this, " has a negative size");
    require(!__builtin_mul_overflow(numel_, size, &numel_), "shape ", *this, " has too many elements");
  }
}

int Shape::axis(int i) const {
  require(i >= -rank_ && i < rank_, "dimension ", i, " is out of range for a tensor of shape ", *this);
  return i < 0 ? i + rank_ : i;
}

Shape Shape::with(int i, int64_t size) const {
  std::array<int64_t, max_rank> s = sizes_;
  s[static_cast<size_t>(axis(i))] = size;
  return Shape(std::span<const int64_t>(s.data(), static_cast<size_t>(rank_)));
}

Shape Shape::without(int i) const {
  std::array<int64_t, max_rank> s{};
  std::remove_copy_if(sizes_.begin(), sizes_.begin() + rank_, s.begin(),
                      [n = 0, skip = axis(i)](int64_t) mutable { return n++ == skip; });
  return Shape(std::span<const int64_t>(s.data(), static_cast<size_t>(rank_ - 1)));
}

Shape Shape::inserted(int i, int64_t size) const {
  require(rank_ < max_rank && i >= 0 && i <= rank_, "cannot insert dimension ", i, " into shape ", *this);
  std::array<int64_t, max_rank> s = sizes_;
  std::copy_backward(s.begin() + i, s.begin() + rank_, s.begin() + rank_ + 1);
  s[static_cast<size_t>(i)] = size;
  return Shape(std::span<const int64_t>(s.data(), static_cast<size_t>(rank_ + 1)));
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(sizes_.begin(), sizes_.begin() + rank_, other.sizes_.begin(),
                    other.sizes_.begin() + other.rank_);
}

std::string Shape::str() const {
  std::string text = "[";
  for (int i = 0; i < rank_; ++i) text += (i ? ", " : "") + std::to_string(sizes_[static_cast<size_t>(i)]);
  return text + "]";
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.str(); }

Strides contiguous_strides(const Shape& shape) {
  Strides strides{};
  int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[static_cast<size_t>(i)] = step;
    step *= shape[i];
  }
  return strides;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::array<int64_t, max_rank> sizes{};
  for (int back = 1; back <= rank; ++back) {
    const int64_t x = back <= a.rank() ? a[-back] : 1, y = back <= b.rank() ? b[-back] : 1;
    require(x == y || x == 1 || y == 1, "shapes ", a, " and ", b, " cannot be broadcast together");
    sizes[static_cast<size_t>(rank - back)] = x == 1 ? y : x;
  }
  return Shape(std::span<const int64_t>(sizes.data(), static_cast<size_t>(rank)));
}

}  // namespace hewn

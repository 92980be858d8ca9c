#pragma once
// Shapes and strides of up to `max_rank` dimensions, as small values.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

namespace hewn {

inline constexpr int max_rank = 6;

/// Sizes of a tensor, outermost first. A scalar has rank 0 and one element.
class Shape {
 public:
  Shape() = default;
  /// Throws usage when there are more than `max_rank` sizes, one is negative or the product overflows.
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const int64_t> sizes);

  int rank() const { return rank_; }
  int64_t numel() const { return numel_; }
  /// Size of dimension i; negative i counts from the back. Throws usage when out of range.
  int64_t operator[](int i) const { return sizes_[static_cast<size_t>(axis(i))]; }
  /// i as a non-negative dimension index. Throws usage when out of range.
  int axis(int i) const;
  /// This shape with dimension i replaced, with dimension i removed, or with a new dimension inserted before it.
  Shape with(int i, int64_t size) const;
  Shape without(int i) const;
  Shape inserted(int i, int64_t size) const;
  std::span<const int64_t> sizes() const { return {sizes_.data(), static_cast<size_t>(rank_)}; }
  bool operator==(const Shape& other) const;
  /// "[4, 17]"
  std::string str() const;

 private:
  std::array<int64_t, max_rank> sizes_{};
  int64_t numel_ = 1;
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// Elements to step per dimension, in the order of the shape. Only the first `rank` entries are used.
using Strides = std::array<int64_t, max_rank>;

/// Row-major strides of a shape.
Strides contiguous_strides(const Shape& shape);

/// The shape to which both broadcast by NumPy's rule (aligned at the last dimension, 1 stretches). Throws
/// usage, with both shapes, if they do not broadcast.
Shape broadcast(const Shape& a, const Shape& b);

}  // namespace hewn

#include "core/tensor.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

using namespace hewn;
using test::fails;

namespace {

/// 0, 1, 2, ... as f64.
Tensor counting(Device& device, const Shape& shape) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  std::iota(values.begin(), values.end(), 0.0);
  return Tensor::from(device, values, shape);
}

}  // namespace

TEST_CASE("shapes are changed by dimension, counted from either end", "[tensor]") {
  const Shape shape{2, 3, 4};
  CHECK(shape.with(1, 7) == Shape{2, 7, 4});
  CHECK(shape.with(-1, 7) == Shape{2, 3, 7});
  CHECK(shape.without(0) == Shape{3, 4});
  CHECK(shape.without(-1) == Shape{2, 3});
  CHECK(shape.inserted(0, 5) == Shape{5, 2, 3, 4});
  CHECK(shape.inserted(3, 5) == Shape{2, 3, 4, 5});
  CHECK_FALSE(shape == Shape{2, 3});
  CHECK(Shape{}.numel() == 1);
  CHECK(Shape{}.str() == "[]");
  CHECK(shape.str() == "[2, 3, 4]");
  CHECK(broadcast({2, 1, 4}, {3, 1}) == Shape{2, 3, 4});
  CHECK(broadcast({}, {3}) == Shape{3});
}

TEST_CASE("shapes that do not exist are refused", "[tensor]") {
  const Shape shape{2, 3};
  const auto refused = [](std::initializer_list<std::string> words, const auto& make) {
    return fails(ErrorCode::usage, words, make);
  };
  CHECK(refused({"at most 6"}, [] { Shape{1, 1, 1, 1, 1, 1, 1}; }));
  CHECK(refused({"negative size"}, [] { Shape{2, -1}; }));
  CHECK(refused({"too many elements"}, [] { Shape{int64_t{1} << 40, int64_t{1} << 40}; }));
  for (const int axis : {2, -3}) CHECK(refused({"out of range", "[2, 3]"}, [&] { shape.axis(axis); }));
  for (const int place : {-1, 3})
    CHECK(refused({"cannot insert dimension"}, [&] { shape.inserted(place, 1); }));
  CHECK(refused({"cannot insert dimension 0"}, [] { Shape({1, 1, 1, 1, 1, 1}).inserted(0, 1); }));
  CHECK(refused({"[2, 3] and [2]"}, [&] { broadcast(shape, {2}); }));
}

TEST_CASE("rows are those of the last dimension", "[tensor]") {
  const auto rows = [](const Shape& shape) { return Tensor::zeros(cpu(), DType::f32, shape).rows(); };
  CHECK(rows({2, 3, 4}) == 6);
  CHECK(rows({}) == 1);
  CHECK(rows({3, 0}) == 0);
  CHECK(rows({0, 3}) == 0);
}

TEST_CASE("element types have sizes, and names that are read back", "[tensor]") {
  const std::pair<DType, size_t> sizes[] = {{DType::f64, 8}, {DType::f32, 4}, {DType::bf16, 2},
                                            {DType::f16, 2}, {DType::i64, 8}, {DType::i32, 4},
                                            {DType::u16, 2}, {DType::i8, 1},  {DType::u8, 1}};
  for (const auto& [type, size] : sizes) {
    CHECK(size_of(type) == size);
    CHECK(dtype_from_name(name_of(type)) == type);
  }
  CHECK(dtype_from_name("bfloat16") == DType::bf16);
  CHECK(fails(ErrorCode::usage, {"unknown dtype \"f8\"", "f64, f32"}, [] { dtype_from_name("f8"); }));
}

TEST_CASE("16-bit floats round to nearest even and keep what is not finite", "[tensor]") {
  const auto half = [](float x) { return static_cast<float>(Float16(x)); };
  const auto bf16 = [](float x) { return static_cast<float>(BFloat16(x)); };
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(half(1 + 0x1p-11f) == 1.0f);           // a tie: the even one
  CHECK(half(1 + 0x1.8p-10f) == 1 + 0x1p-9f);  // a tie
  CHECK(half(65504.0f) == 65504.0f);
  CHECK(half(65519.0f) == 65504.0f);
  CHECK(half(65520.0f) == infinity);
  CHECK(half(-infinity) == -infinity);
  CHECK(half(-0x1p-24f) == -0x1p-24f);  // the least subnormal
  CHECK(half(0x1p-25f) == 0.0f);
  CHECK(std::isnan(half(std::numeric_limits<float>::quiet_NaN())));
  CHECK(bf16(1 + 0x1p-8f) == 1.0f);
  CHECK(bf16(1 + 0x1.8p-7f) == 1 + 0x1p-6f);
  CHECK(bf16(infinity) == infinity);
  CHECK(std::isnan(bf16(std::numeric_limits<float>::quiet_NaN())));
}

TEST_CASE("values of every type are read as doubles, through any strides", "[tensor]") {
  const auto device = make_cpu(1);
  const auto read = [&](const auto& values) {
    return Tensor::from(*device, values, {static_cast<int64_t>(values.size())}).doubles();
  };
  const std::vector<double> expected{3, 0, 7};
  CHECK(read(std::vector<double>{3, 0, 7}) == expected);
  CHECK(read(std::vector<float>{3, 0, 7}) == expected);
  CHECK(read(std::vector<BFloat16>{BFloat16(3), BFloat16(0), BFloat16(7)}) == expected);
  CHECK(read(std::vector<Float16>{Float16(3), Float16(0), Float16(7)}) == expected);
  CHECK(read(std::vector<int64_t>{3, 0, 7}) == expected);
  CHECK(read(std::vector<int32_t>{3, 0, 7}) == expected);
  CHECK(read(std::vector<uint16_t>{3, 0, 7}) == expected);
  CHECK(read(std::vector<int8_t>{3, 0, 7}) == expected);
  CHECK(read(std::vector<uint8_t>{3, 0, 7}) == expected);

  const Tensor t = counting(*device, {2, 3});
  CHECK(t.transposed(0, 1).doubles() == std::vector<double>{0, 3, 1, 4, 2, 5});
  CHECK(t.sliced(-1, 1, 2).doubles() == std::vector<double>{1, 2, 4, 5});
  CHECK(t.strided({2, 2}, {3, 0}, 1).doubles() == std::vector<double>{1, 1, 4, 4});
  CHECK(t.strided({3}, {-2}, 4).doubles() == std::vector<double>{4, 2, 0});
  CHECK(t.sliced(0, 1, 1).sliced(1, 2, 1).item() == 5);
  CHECK(t.sliced(0, 2, 0).doubles().empty());
  CHECK(t.strided({0, 3}, {3, 1}, 7).doubles().empty());  // no elements, so none outside
}

TEST_CASE("views and copies of the wrong size, order or type are refused", "[tensor]") {
  const auto device = make_cpu(1);
  const Tensor t = counting(*device, {2, 3});
  Tensor turned = t.transposed(0, 1), other = Tensor::zeros(*device, DType::f32, {2, 3});
  const auto refused = [](std::initializer_list<std::string> words, const auto& use) {
    return fails(ErrorCode::usage, words, use);
  };
  CHECK(refused({"5 values", "[2, 3]"}, [&] { Tensor::from(*device, std::vector<double>(5), {2, 3}); }));
  CHECK(refused({"does not fit"}, [&] { Tensor::over(t.storage(), DType::f64, {7}); }));
  CHECK(refused({"undefined"}, [] { Tensor().data(); }));
  CHECK(refused({"f64", "is used as f32"}, [&] { t.values<float>(); }));
  CHECK(refused({"exactly one element"}, [&] { t.item(); }));
  CHECK(refused({"not contiguous"}, [&] { turned.viewed({6}); }));
  CHECK(refused({"numbers of elements differ"}, [&] { t.viewed({5}); }));
  for (const auto& [start, length] : {std::pair<int64_t, int64_t>{-1, 1}, {0, -1}, {2, 2}, {4, 0}})
    CHECK(refused({"out of range"}, [&, start = start, length = length] { t.sliced(1, start, length); }));
  CHECK(refused({"exceeds its storage"}, [&] { t.strided({2, 3}, {3, 1}, 1); }));
  CHECK(refused({"exceeds its storage"}, [&] { t.strided({3}, {-2}, 3); }));
  CHECK(refused({"not contiguous"}, [&] { turned.upload(nullptr); }));
  CHECK(refused({"not contiguous"}, [&] { turned.zero(); }));
  CHECK(refused({"not contiguous"}, [&] { turned.copy_from(turned); }));
  CHECK(refused({"cannot copy a f64"}, [&] { other.copy_from(t); }));
  CHECK(refused({"shape [3]", "shape [2, 3]"}, [&] { other.copy_from(other.viewed({6}).sliced(0, 0, 3)); }));
  const auto elsewhere = make_cpu(1);
  CHECK(refused({"cannot copy"}, [&] { other.copy_from(Tensor::zeros(*elsewhere, DType::f32, {2, 3})); }));
  Tensor square = Tensor::zeros(*device, DType::f64, {2, 2});
  CHECK(refused({"not contiguous"}, [&] { square.copy_from(square.clone().transposed(0, 1)); }));
  CHECK(other.doubles() == std::vector<double>(6));
}

TEST_CASE("a clone has elements of its own, and changes are counted", "[tensor]") {
  const auto device = make_cpu(1);
  const Tensor t = counting(*device, {3});
  Tensor copy = t.clone();
  const auto before = copy.storage()->version;
  copy.zero();
  CHECK(copy.storage()->version > before);
  CHECK(copy.doubles() == std::vector<double>(3));
  CHECK(t.doubles() == std::vector<double>{0, 1, 2});
}

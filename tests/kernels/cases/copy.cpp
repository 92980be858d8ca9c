#include "kernels/copy/op.h"

#include <bit>
#include <cmath>

#include "core/gradcheck.h"
#include "kernels/contract/contract.h"
#include "kernels/copy/abi.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

Tensor counted(const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  return Tensor::from(cpu(), values, shape);
}

}  // namespace

TEST_CASE("copy: gradients of views and copies") {
  test::Random random("copy");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(24), {2, 3, 4});
  // Each is followed by a square, so that the gradient depends on the position of an element.
  const std::pair<const char*, Tensor (*)(const Tensor&)> ops[] = {
      {"transpose", [](const Tensor& t) { return contiguous(transpose(t, 0, 2)); }},
      {"permute",
       [](const Tensor& t) {
         return contiguous(permute(t, {1, -1, 0}));
       }},
      {"slice", [](const Tensor& t) { return contiguous(slice(t, 1, 1, 2)); }},
      {"slice of transpose", [](const Tensor& t) { return contiguous(slice(transpose(t, 1, 2), -2, 2, 2)); }},
      {"reshape",
       [](const Tensor& t) {
         return reshape(t, {4, -1});
       }},
      {"reshape of transpose", [](const Tensor& t) { return reshape(transpose(t, 0, 1), {24}); }},
      {"split",
       [](const Tensor& t) {
         return contiguous(split(t, 2, {1, 3})[1]);
       }},
      {"split and concat", [](const Tensor& t) {
         const auto parts = split(t, 2, {1, 2, 1});
         return concat({parts[2], parts[0], parts[1], parts[0]}, 2);
       }}};
  for (const auto& [name, op] : ops) {
    const auto result = gradcheck(
        [f = op](const std::vector<Tensor>& in) {
          const Tensor y = f(in[0]);
          return mul(y, y);
        },
        {x});
    INFO(name << ": " << result.worst);
    CHECK(result.below(1e-8));
  }
}

TEST_CASE("copy: concat sends its gradient to each part") {
  test::Random random("concat");
  const Tensor a = Tensor::from(cpu(), random.normals<double>(6), {2, 1, 3});
  const Tensor b = Tensor::from(cpu(), random.normals<double>(12), {2, 2, 3});
  const auto result = gradcheck(
      [](const std::vector<Tensor>& in) {
        const Tensor y = concat({in[0], in[1], in[0]}, 1);
        return mul(y, y);
      },
      {a, b});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("copy: elements are copied to the right places") {
  const Tensor x = counted({2, 3});
  CHECK(transpose(x, 0, 1).doubles() == std::vector<double>{0, 3, 1, 4, 2, 5});
  CHECK(contiguous(transpose(x, 0, 1)).is_contiguous());
  CHECK(contiguous(x).storage() == x.storage());
  CHECK(slice(x, -1, 1, 2).doubles() == std::vector<double>{1, 2, 4, 5});
  CHECK(reshape(x, {-1}).shape() == Shape{6});
  CHECK(concat({x, x}, 0).doubles() == std::vector<double>{0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5});
  CHECK(concat({slice(x, 1, 0, 1), x}, 1).doubles() == std::vector<double>{0, 0, 1, 2, 3, 3, 4, 5});
  CHECK(concat({x, Tensor::zeros(cpu(), DType::f32, {2, 0})}, 1).doubles() == x.doubles());
}

TEST_CASE("copy: heads of a packed projection are split and merged back") {
  const Tensor packed = counted({2, 5, 12});  // [B, T, 3 C] with C = 4 as 2 heads of 2
  const Tensor q = reshape(slice(packed, 2, 4, 4), {2, 5, 2, 2});
  const Tensor heads = contiguous(transpose(q, 1, 2));
  CHECK(heads.shape() == Shape{2, 2, 5, 2});
  const Tensor back = reshape(transpose(heads, 1, 2), {2, 5, 4});
  CHECK(back.doubles() == slice(packed, 2, 4, 4).doubles());
}

TEST_CASE("copy: casts") {
  const Tensor x = Tensor::from(cpu(), std::vector<double>{1.9, -1.9, 1e30, -1e30, NAN, 1.0 / 3}, {6});
  CHECK(cast(x, DType::i32).values<int32_t>() == std::vector<int32_t>{1, -1, INT32_MAX, INT32_MIN, 0, 0});
  CHECK(cast(x, DType::u8).values<uint8_t>() == std::vector<uint8_t>{1, 0, 255, 0, 0, 0});
  CHECK(cast(x, DType::f32).values<float>()[5] == 1.0f / 3);
  CHECK(cast(x, DType::bf16).doubles()[5] == 0.333984375);
  CHECK(cast(x, DType::f64).storage() == x.storage());
  const Tensor big = Tensor::from(cpu(), std::vector<int64_t>{(int64_t{1} << 62) + 1}, {1});
  CHECK(reshape(transpose(reshape(big, {1, 1}), 0, 1), {1}).values<int64_t>() == big.values<int64_t>());

  Tensor leaf = Tensor::from(cpu(), std::vector<float>{1, 2}, {2});
  require_grad(leaf);
  Tape tape;
  const Tensor wide = cast(leaf, DType::f64);
  tape.backward(wide, Tensor::from(cpu(), std::vector<double>{3, 4}, {2}));
  CHECK(grad_of(leaf).values<float>() == std::vector<float>{3, 4});
}

TEST_CASE("copy: every bf16 value and the values between them round to nearest") {
  // Each bf16 number with all kinds of lower bf16s: zero, less than half, exactly half, more
  // than half, all ones.
  std::vector<float> values;
  for (uint32_t upper = 0; upper < 0x10000; ++upper)
    for (const uint32_t lower : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu})
      values.push_back(std::bit_cast<float>(upper << 16 | lower));
  const auto n = static_cast<int64_t>(values.size());
  Copy to_bf16{.from = DType::f32,
               .to = DType::bf16,
               .rank = 1,
               .shape = {n},
               .x_stride = {1},
               .y_stride = {1},
               .x = values.data(),
               .y = nullptr,
               .to_y = Write::set};
  for (const auto& rung : ladder_of(to_bf16).rungs) {
    if (rung.why_not && rung.why_not(to_bf16)) continue;
    for (int i = 0; i < n_isas; ++i) {
      const KernelFn<Copy> run = rung.run[static_cast<size_t>(i)];
      if (!run || !supported(static_cast<Isa>(i))) continue;
      INFO(rung.name << " on " << name_of(static_cast<Isa>(i)));
      std::vector<BFloat16> bf16s(values.size());
      to_bf16.y = bf16s.data();
      run({}, to_bf16);
      size_t wrong = 0;
      for (size_t k = 0; k < values.size(); ++k) {
        const float rounded = static_cast<float>(bf16s[k]);
        if (std::isnan(values[k]) ? !std::isnan(rounded) : bf16s[k].bits != BFloat16(values[k]).bits) ++wrong;
      }
      CHECK(wrong == 0);
      std::vector<float> wide(values.size());
      Copy back = to_bf16;
      std::swap(back.from, back.to);
      back.x = bf16s.data(), back.y = wide.data();
      run({}, back);
      wrong = 0;
      for (size_t k = 0; k < values.size(); ++k) {
        const auto expected = static_cast<float>(bf16s[k]);
        if (std::isnan(expected) ? !std::isnan(wide[k]) : wide[k] != expected) ++wrong;
      }
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("copy: wrong shapes are refused by name") {
  const Tensor x = counted({2, 3});
  CHECK_THROWS_WITH(reshape(x, {4, -1}), Catch::Contains("[2, 3]"));
  CHECK_THROWS_WITH(reshape(x, {-1, -1}), Catch::Contains("-1"));
  CHECK_THROWS_WITH(permute(x, {0, 0}), Catch::Contains("twice"));
  CHECK_THROWS_WITH(slice(x, 1, 2, 2), Catch::Contains("[2, 4)"));
  CHECK_THROWS_WITH(split(x, 1, {1, 1}), Catch::Contains("add up to 2"));
  CHECK_THROWS_WITH(concat({x, counted({3, 2})}, 0), Catch::Contains("[3, 2]"));
  CHECK_THROWS_WITH(concat({}, 0), Catch::Contains("no tensors"));
}

}  // namespace hewn

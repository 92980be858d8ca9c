#include "kernels/norm/op.h"

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "tests/kernels/bf16_norms.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {

TEST_CASE("layernorm: gradient") {
  test::Random random("layernorm");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(42), {2, 3, 7});
  const Tensor weight = Tensor::from(cpu(), random.normals<double>(7), {7});
  const Tensor bias = Tensor::from(cpu(), random.normals<double>(7), {7});
  auto result = gradcheck([](const std::vector<Tensor>& in) { return layernorm(in[0], in[1], in[2]); },
                          {x, weight, bias});
  INFO(result.worst);
  CHECK(result.below(1e-8));
  result =
      gradcheck([](const std::vector<Tensor>& in) { return layernorm(in[0], in[1], {}, 0.1); }, {x, weight});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("layernorm: gradients of constants are not computed") {
  test::Random random("layernorm, constants");
  const Tensor x = Tensor::from(cpu(), random.normals<float>(300), {60, 5});
  const Tensor weight = Tensor::from(cpu(), random.normals<float>(5), {5});
  Tensor bias = Tensor::zeros(cpu(), DType::f32, {5});
  require_grad(bias);
  Tape tape;
  tape.backward(layernorm(x, weight, bias), Tensor::from(cpu(), std::vector<float>(300, 1), {60, 5}));
  CHECK((grad_of(bias).values<float>() == std::vector<float>(5, 60)));
}

TEST_CASE("layernorm: a large offset has no effect") {
  test::Random random("layernorm, offset");
  std::vector<float> near = random.normals<float>(2 * 96), far = near;
  for (size_t i = 0; i < near.size(); ++i) {
    near[i] = std::round(near[i] * 64) / 64;  // so that adding the offset is exact
    far[i] = near[i] + 65536;
  }
  const Tensor weight = Tensor::from(cpu(), random.normals<float>(96), {96});
  const auto y = layernorm(Tensor::from(cpu(), near, {2, 96}), weight, {}).doubles();
  CHECK(test::close_by_norm(layernorm(Tensor::from(cpu(), far, {2, 96}), weight, {}).doubles(), y, 1e-6));
}

TEST_CASE("layernorm: bf16 values are those of float, rounded once") {
  test::check_bf16_norm(cpu(), 2, [](const std::vector<Tensor>& in, DType y_dtype) {
    return layernorm(in[0], in[1], in[2], 1e-5, y_dtype);
  });
}

TEST_CASE("layernorm: wrong types are refused") {
  const auto zeros = [](DType t) { return Tensor::zeros(cpu(), t, {4}); };
  const Tensor f32 = zeros(DType::f32), f64 = zeros(DType::f64), bf16 = zeros(DType::bf16);
  const auto norm = [](const Tensor& x, const Tensor& weight, std::optional<DType> y_dtype = {}) {
    return layernorm(x, weight, {}, 1e-5, y_dtype);
  };
  CHECK_THROWS_WITH(norm(zeros(DType::i32), f32), Catch::Contains("x is i32; expected f32, f64 or bf16"));
  CHECK_THROWS_WITH(norm(bf16, bf16), Catch::Contains("weight is bf16 [4]; expected f32 [4] for x of bf16"));
  CHECK_THROWS_WITH(norm(f32, f32, DType::f64),
                    Catch::Contains("y_dtype is f64 for x of f32; expected f32 or bf16"));
  CHECK_THROWS_WITH(norm(bf16, f32, DType::f32),
                    Catch::Contains("y_dtype is f32 for x of bf16; expected bf16"));
  CHECK_THROWS_WITH(norm(f64, f64, DType::bf16), Catch::Contains("y_dtype is bf16 for x of f64"));
}

TEST_CASE("layernorm: wrong shapes are refused") {
  const auto f32 = [](const Shape& shape) { return Tensor::zeros(cpu(), DType::f32, shape); };
  CHECK_THROWS_WITH(layernorm(f32({2, 4}), f32({3}), {}),
                    Catch::Contains("weight") && Catch::Contains("[3]"));
  CHECK_THROWS_WITH(layernorm(f32({2, 4}), f32({4}), f32({1, 4})), Catch::Contains("bias is f32 [1, 4]"));
  CHECK_THROWS_WITH(layernorm(f32({2, 0}), f32({0}), {}), Catch::Contains("[2, 0]"));
  CHECK_THROWS_WITH(layernorm(f32({2, 4}), f32({4}), {}, 0), Catch::Contains("eps is 0"));
}

TEST_CASE("layernorm: fixtures") {
  test::check_op_fixture(cpu(), "layernorm", {"x", "weight", "bias"}, [](const auto& in, const auto& c) {
    return layernorm(in[0], in[1], in[2], c.parameters.at("eps"));
  });
}

TEST_CASE("rmsnorm: gradient") {
  test::Random random("rmsnorm");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(42), {2, 3, 7});
  const Tensor weight = Tensor::from(cpu(), random.normals<double>(7), {7});
  const auto result =
      gradcheck([](const std::vector<Tensor>& in) { return rmsnorm(in[0], in[1]); }, {x, weight});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("rmsnorm: scaling a row has no effect, zeros remain zeros") {
  const Tensor weight = Tensor::from(cpu(), std::vector<float>{1, 2}, {2});
  const Tensor x = Tensor::from(cpu(), std::vector<float>{3e9f, -3e9f, 5e-2f, -5e-2f, 0, 0}, {3, 2});
  CHECK(test::close_abs(rmsnorm(x, weight, 1e-12).doubles(), std::vector<double>{1, -2, 1, -2, 0, 0}, 1e-6));
}

TEST_CASE("rmsnorm: bf16 values are those of float, rounded once") {
  test::check_bf16_norm(cpu(), 1, [](const std::vector<Tensor>& in, DType y_dtype) {
    return rmsnorm(in[0], in[1], 1e-5, y_dtype);
  });
}

TEST_CASE("rmsnorm: wrong types are refused") {
  const auto zeros = [](DType t) { return Tensor::zeros(cpu(), t, {4}); };
  const Tensor f32 = zeros(DType::f32), f64 = zeros(DType::f64), bf16 = zeros(DType::bf16);
  const auto norm = [](const Tensor& x, const Tensor& weight, std::optional<DType> y_dtype = {}) {
    return rmsnorm(x, weight, 1e-5, y_dtype);
  };
  CHECK_THROWS_WITH(norm(zeros(DType::i32), f32), Catch::Contains("x is i32; expected f32, f64 or bf16"));
  CHECK_THROWS_WITH(norm(bf16, bf16), Catch::Contains("weight is bf16 [4]; expected f32 [4] for x of bf16"));
  CHECK_THROWS_WITH(norm(f32, f32, DType::f64),
                    Catch::Contains("y_dtype is f64 for x of f32; expected f32 or bf16"));
  CHECK_THROWS_WITH(norm(bf16, f32, DType::f32),
                    Catch::Contains("y_dtype is f32 for x of bf16; expected bf16"));
  CHECK_THROWS_WITH(norm(f64, f64, DType::bf16), Catch::Contains("y_dtype is bf16 for x of f64"));
}

TEST_CASE("rmsnorm: wrong shapes are refused") {
  const auto f32 = [](const Shape& shape) { return Tensor::zeros(cpu(), DType::f32, shape); };
  CHECK_THROWS_WITH(rmsnorm(f32({2, 4}), f32({3})), Catch::Contains("weight is f32 [3]"));
  CHECK_THROWS_WITH(rmsnorm(f32({2, 0}), f32({0})), Catch::Contains("[2, 0]"));
  CHECK_THROWS_WITH(rmsnorm(f32({2, 4}), f32({4}), -1), Catch::Contains("eps is -1"));
}

TEST_CASE("rmsnorm: fixtures") {
  test::check_op_fixture(cpu(), "rmsnorm", {"x", "weight"}, [](const auto& in, const auto& c) {
    return rmsnorm(in[0], in[1], c.parameters.at("eps"));
  });
}

}  // namespace hewn

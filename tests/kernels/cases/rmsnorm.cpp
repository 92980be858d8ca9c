#include "kernels/rmsnorm/op.h"

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {

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

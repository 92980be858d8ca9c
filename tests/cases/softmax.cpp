#include "kernels/softmax/op.h"

#include "core/gradcheck.h"
#include "kernels/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {

TEST_CASE("softmax: gradient") {
  test::Random random("softmax");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(15), {3, 5});
  const auto result = gradcheck([](const std::vector<Tensor>& in) { return softmax(in[0]); }, {x});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("softmax: minus infinity has probability zero, large offsets change nothing") {
  const float inf = INFINITY;
  const Tensor x = Tensor::from(cpu(), std::vector<float>{-inf, 1e30f, 1e30f, -inf, 0, -inf}, {2, 3});
  CHECK(test::close_abs(softmax(x).doubles(), std::vector<double>{0, .5, .5, 0, 1, 0}, 1e-7));
}

TEST_CASE("softmax: rows without columns are refused") {
  CHECK_THROWS_WITH(softmax(Tensor::empty(cpu(), DType::f32, {4, 0})), Catch::Contains("[4, 0]"));
}

}  // namespace hewn

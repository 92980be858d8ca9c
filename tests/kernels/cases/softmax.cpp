#include "kernels/softmax/op.h"

#include "core/gradcheck.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {

TEST_CASE("softmax: gradient") {
  test::Random random("softmax");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(15), {3, 5});
  const auto result = gradcheck([](const std::vector<Tensor>& in) { return softmax(in[0]); }, {x});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("softmax: minus infinity has probability zero, large offsets have no effect") {
  const float inf = INFINITY;
  const Tensor x = Tensor::from(cpu(), std::vector<float>{-inf, 1e30f, 1e30f, -inf, 0, -inf}, {2, 3});
  CHECK(test::close_abs(softmax(x).doubles(), std::vector<double>{0, .5, .5, 0, 1, 0}, 1e-7));
}

TEST_CASE("softmax: a row of only minus infinity is undefined and does not affect other rows") {
  const float inf = INFINITY;
  const auto y = softmax(Tensor::from(cpu(), std::vector<float>{-inf, -inf, 0, 0}, {2, 2})).doubles();
  CHECK((std::isnan(y[0]) && std::isnan(y[1])));
  CHECK((y[2] == 0.5 && y[3] == 0.5));
}

TEST_CASE("causal softmax: gradient") {
  test::Random random("causal softmax");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(30), {2, 3, 5});
  const auto result = gradcheck([](const std::vector<Tensor>& in) { return causal_softmax(in[0]); }, {x});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("causal softmax equals softmax of the visible keys") {
  test::Random random("causal softmax equals softmax");
  const int64_t queries = random.integer(1, 40), keys = queries + random.integer(0, 40);
  std::vector<float> hidden = random.normals<float>(2 * queries * keys), masked = hidden;
  for (size_t i = 0; i < hidden.size(); ++i) {
    const int64_t q = static_cast<int64_t>(i) / keys % queries, k = static_cast<int64_t>(i) % keys;
    if (k > keys - queries + q) hidden[i] = NAN, masked[i] = -INFINITY;
  }
  const Shape shape{2, queries, keys};
  INFO(shape);
  CHECK(test::close_abs(causal_softmax(Tensor::from(cpu(), hidden, shape)).doubles(),
                        softmax(Tensor::from(cpu(), masked, shape)).doubles(),
                        4e-7));  // a few units in the last place
}

TEST_CASE("causal softmax: more queries than keys are refused") {
  CHECK_THROWS_WITH(causal_softmax(Tensor::empty(cpu(), DType::f32, {4, 3})), Catch::Contains("[4, 3]"));
}

TEST_CASE("softmax: rows without columns are refused") {
  CHECK_THROWS_WITH(softmax(Tensor::empty(cpu(), DType::f32, {4, 0})), Catch::Contains("[4, 0]"));
}

TEST_CASE("softmax: fixtures, along any dimension") {
  test::check_op_fixture(cpu(), "softmax", {"x"}, [](const auto& in, const auto& c) {
    const int dim = static_cast<int>(c.parameters.at("dim"));
    return contiguous(transpose(softmax(contiguous(transpose(in[0], dim, -1))), dim, -1));
  });
}

}  // namespace hewn

#include "kernels/log_softmax/op.h"

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {

TEST_CASE("log_softmax: gradient") {
  test::Random random("log_softmax");
  const Tensor x = Tensor::from(cpu(), random.normals<double>(15), {3, 5});
  const auto result = gradcheck([](const std::vector<Tensor>& in) { return log_softmax(in[0]); }, {x});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("log_softmax: keeps what softmax underflows, large offsets change nothing") {
  const Tensor x = Tensor::from(cpu(), std::vector<float>{0, -500, 1e30f, 1e30f}, {2, 2});
  const double half = -std::log(2.0);
  CHECK(test::close_abs(log_softmax(x).doubles(), std::vector<double>{0, -500, half, half}, 1e-6));
}

TEST_CASE("log_softmax: minus infinity") {
  const float inf = INFINITY;
  const auto y = log_softmax(Tensor::from(cpu(), std::vector<float>{0, -inf, -inf, -inf}, {2, 2})).doubles();
  CHECK((y[0] == 0 && y[1] == -INFINITY));
  CHECK((std::isnan(y[2]) && std::isnan(y[3])));
}

TEST_CASE("log_softmax: rows without columns are refused") {
  CHECK_THROWS_WITH(log_softmax(Tensor::empty(cpu(), DType::f32, {4, 0})), Catch::Contains("[4, 0]"));
}

TEST_CASE("log_softmax: fixtures") {
  const auto fixture = test::op_fixture("cross_entropy");
  if (!fixture) return;
  for (const auto& c : fixture->cases)
    for (const DType t : {DType::f32, DType::f64}) {
      INFO(c.name << " " << name_of(t));
      const Tensor logits = fixture->tensors.tensor(cpu(), c.name + ".logits", t);
      CHECK(test::close_by_norm(log_softmax(logits).doubles(),
                                fixture->tensors.values(c.name + ".log_softmax"),
                                t == DType::f32 ? 1e-5 : 1e-7));
    }
}

}  // namespace hewn

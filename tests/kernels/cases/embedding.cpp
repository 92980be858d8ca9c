#include "kernels/embedding/op.h"

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

Tensor random_ids(test::Random& random, const Shape& shape, int64_t vocabulary) {
  std::vector<int64_t> ids(static_cast<size_t>(shape.numel()));
  for (int64_t& id : ids) id = random.integer(0, vocabulary - 1);
  return Tensor::from(cpu(), ids, shape);
}

}  // namespace

TEST_CASE("embedding: gradients") {
  test::Random random("embedding");
  const Tensor weight = Tensor::from(cpu(), random.normals<double>(35), {7, 5});
  const Tensor position = Tensor::from(cpu(), random.normals<double>(30), {6, 5});
  const Tensor ids = random_ids(random, {3, 4}, 7);
  const auto square = [](const Tensor& y) { return mul(y, y); };
  CHECK(gradcheck([&](const std::vector<Tensor>& in) { return square(embedding(in[0], ids)); }, {weight})
            .below(1e-8));
  const auto both =
      gradcheck([&](const std::vector<Tensor>& in) { return square(embedding(in[0], in[1], ids, 1)); },
                {weight, position});
  INFO(both.worst);
  CHECK(both.below(1e-8));
  // The table is used twice, as when tokens of two texts are looked up: the second gradient is added.
  const auto twice = gradcheck(
      [&](const std::vector<Tensor>& in) {
        return mul(embedding(in[0], in[1], ids), embedding(in[0], in[1], ids, 2));
      },
      {weight, position});
  INFO(twice.worst);
  CHECK(twice.below(1e-8));
}

TEST_CASE("embedding: fused equals composed, values and gradients") {
  test::Random random("embedding composed");
  const Tensor ids = random_ids(random, {4, 9}, 50);
  std::vector<std::vector<double>> found[2];
  for (const bool fused : {true, false}) {
    test::Random same("embedding tables");
    Tensor weight = Tensor::from(cpu(), same.normals(50 * 70), {50, 70});
    Tensor position = Tensor::from(cpu(), same.normals(12 * 70), {12, 70});
    const Tensor dy = Tensor::from(cpu(), same.normals(36 * 70), {4, 9, 70});
    require_grad(weight), require_grad(position);
    Tape tape;
    const Tensor y =
        fused ? embedding(weight, position, ids, 2) : embedding_composed(weight, position, ids, 2);
    tape.backward(y, dy);
    found[fused] = {y.doubles(), grad_of(weight).doubles(), grad_of(position).doubles()};
  }
  for (size_t i = 0; i < 3; ++i) CHECK(test::close_by_norm(found[1][i], found[0][i], 1e-6));
}

TEST_CASE("embedding: fixtures") {
  for (const auto& [tensors, cases] : test::op_fixtures("embedding"))
    for (const auto& c : cases)
      for (const DType t : {DType::f32, DType::f64})
        for (const DType id_type : {DType::i64, DType::i32}) {
          INFO(c.name << " " << name_of(t) << " " << name_of(id_type));
          Tensor weight = tensors.tensor(cpu(), c.name + ".weight", t);
          require_grad(weight);
          Tape tape;
          const Tensor y = embedding(weight, tensors.tensor(cpu(), c.name + ".ids", id_type));
          tape.backward(y, tensors.tensor(cpu(), c.name + ".grad_out", t));
          CHECK(test::close_by_norm(y.doubles(), tensors.values(c.name + ".out"), 0));
          CHECK(
              test::close_by_norm(grad_of(weight).doubles(), tensors.values(c.name + ".grad_weight"), 1e-6));
        }
}

TEST_CASE("embedding: ids outside the table are reported") {
  const Tensor weight = Tensor::zeros(cpu(), DType::f32, {5, 2}),
               position = Tensor::zeros(cpu(), DType::f32, {3, 2});
  const auto ids = [](std::vector<int64_t> values) {
    const auto n = static_cast<int64_t>(values.size());
    return Tensor::from(cpu(), values, {n});
  };
  CHECK_THROWS_WITH(embedding(weight, ids({0, 4, 5})),
                    Catch::Contains("id 5 at position 2") && Catch::Contains("0 to 4"));
  CHECK_THROWS_WITH(embedding(weight, ids({-1})), Catch::Contains("id -1"));
  CHECK_THROWS_WITH(embedding(weight, position, ids({0, 0, 0}), 1), Catch::Contains("positions 1 to 3"));
  CHECK_THROWS_WITH(embedding(weight, Tensor::zeros(cpu(), DType::f32, {2})), Catch::Contains("i32 or i64"));
}

}  // namespace hewn

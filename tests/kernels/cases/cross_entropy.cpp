#include "kernels/cross_entropy/op.h"

#include "core/gradcheck.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

Tensor targets_of(const std::vector<int32_t>& values) {
  return Tensor::from(cpu(), values, {static_cast<int64_t>(values.size())});
}

}  // namespace

TEST_CASE("cross entropy: gradient, with ignored rows") {
  test::Random random("cross entropy");
  const Tensor logits = Tensor::from(cpu(), random.normals<double>(35, 2), {5, 7});
  const Tensor targets = targets_of({3, -100, 0, 6, -100});
  const auto result =
      gradcheck([&](const std::vector<Tensor>& in) { return cross_entropy(in[0], targets); }, {logits});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

TEST_CASE("cross entropy: the losses of rows, and their gradient, are those of each row alone") {
  test::Random random("cross entropy rows");
  const Tensor logits = Tensor::from(cpu(), random.normals<double>(60, 2), {2, 5, 6});
  const std::vector<int32_t> ids{3, -100, 0, 5, -100, 1, 2, 2, -100, 4};
  const Tensor targets = Tensor::from(cpu(), ids, {2, 5});
  const auto result =
      gradcheck([&](const std::vector<Tensor>& in) { return cross_entropy_rows(in[0], targets); }, {logits});
  INFO(result.worst);
  CHECK(result.below(1e-8));
  const Tensor losses = cross_entropy_rows(logits, targets);
  CHECK(losses.shape() == Shape{2, 5});
  const std::vector<double> values = losses.doubles();
  for (size_t r = 0; r < ids.size(); ++r) {
    const Tensor row = logits.viewed({10, 6}).sliced(0, static_cast<int64_t>(r), 1);
    const double alone = ids[r] == -100 ? 0 : cross_entropy(row.clone(), targets_of({ids[r]})).item();
    CHECK(values[r] == Approx(alone).epsilon(1e-14));
  }
}

TEST_CASE("cross entropy: large offsets and certain rows") {
  const Tensor logits = Tensor::from(cpu(), std::vector<float>{1e4f, 1e4f, -1e4f, -1e4f, 50, 0}, {3, 2});
  CHECK(test::close_rel(cross_entropy(logits, targets_of({0, 1, -100})).doubles(),
                        std::vector<double>{std::log(2.0)}, 1e-6));
  CHECK(cross_entropy(logits, targets_of({-100, -100, 0})).item() == 0);
  CHECK(cross_entropy(logits, targets_of({-100, -100, 1})).item() == 50);
}

TEST_CASE("cross entropy: the gradient overwrites the logits, chunk by chunk") {
  test::Random random("cross entropy in place");
  const int64_t rows = 6, cols = 19;
  const Tensor logits = Tensor::from(cpu(), random.normals<float>(rows * cols), {rows, cols});
  const Tensor targets = targets_of({0, 18, -100, 7, 7, 3});
  Tensor leaf = logits.clone();
  require_grad(leaf);
  Tape tape;
  tape.backward(cross_entropy(leaf, targets));

  const Tensor stats = logits.like({rows, 2}), losses = logits.like({rows});
  const Tensor dloss = Tensor::from(cpu(), std::vector<float>{1}, {});
  const Tensor kept = Tensor::from(cpu(), std::vector<int64_t>{5}, {});
  for (int64_t r = 0; r < rows; r += 2) {
    auto* x = logits.ptr<float>() + r * cols;
    auto* s = stats.ptr<float>() + r * 2;
    const auto* t = targets.ptr<int32_t>() + r;
    run(cpu(), CrossEntropyForward{DType::f32, 2, cols, x, t, losses.ptr<float>() + r, s});
    run(cpu(),
        CrossEntropyBackward{DType::f32, 2, cols, x, t, s, dloss.data(), kept.ptr<int64_t>(), x, Write::set});
  }
  CHECK((logits.values<float>() == grad_of(leaf).values<float>()));
}

TEST_CASE("cross entropy: bad targets are reported") {
  const Tensor logits = Tensor::zeros(cpu(), DType::f32, {3, 4});
  CHECK_THROWS_WITH(cross_entropy(logits, targets_of({0, 4, 1})),
                    Catch::Contains("target 1 is 4") && Catch::Contains("0 to 3"));
  CHECK_THROWS_WITH(cross_entropy(logits, targets_of({0, 3, -1})), Catch::Contains("target 2 is -1"));
  CHECK_THROWS_WITH(cross_entropy(logits, targets_of({-100, -100, -100})), Catch::Contains("all 3 targets"));
  CHECK_THROWS_WITH(cross_entropy(logits, targets_of({1, 2})), Catch::Contains("[2]"));
  CHECK_THROWS_WITH(cross_entropy_rows(logits, targets_of({0, 4, 1})),
                    Catch::Contains("cross_entropy_rows: target 1 is 4"));
  CHECK_THROWS_WITH(cross_entropy(Tensor::empty(cpu(), DType::f32, {4, 0}), targets_of({1, 2, 0, 0})),
                    Catch::Contains("[4, 0]"));
}

TEST_CASE("cross entropy: values are not read on the meta device") {
  const auto meta = make_meta(2, Isa::avx2);
  const Tensor targets = Tensor::empty(*meta, DType::i32, {3});
  CHECK(cross_entropy(Tensor::empty(*meta, DType::f32, {3, 8}), targets).shape() == Shape{});
}

TEST_CASE("cross entropy: fixtures") {
  test::check_op_fixture(cpu(), "cross_entropy", {"logits", "target"},
                         [](const auto& in, const auto&) { return cross_entropy(in[0], in[1]); });
}

}  // namespace hewn

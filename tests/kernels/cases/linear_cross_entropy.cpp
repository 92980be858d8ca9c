#include "kernels/linear_cross_entropy/op.h"

#include "core/gradcheck.h"
#include "kernels/copy/op.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

struct Inputs {
  Tensor x, weight, bias, targets;
};

template <class T>
Inputs inputs(int64_t rows, int64_t cols, int64_t classes) {
  test::Random random("linear_cross_entropy");
  std::vector<int32_t> targets(static_cast<size_t>(rows));
  for (int32_t& t : targets) t = static_cast<int32_t>(random.integer(0, classes - 1));
  if (rows > 2) targets[1] = -100;
  return {Tensor::from(cpu(), random.normals<T>(rows * cols), {rows, cols}),
          Tensor::from(cpu(), random.normals<T>(classes * cols), {classes, cols}),
          Tensor::from(cpu(), random.normals<T>(classes), {classes}), Tensor::from(cpu(), targets, {rows})};
}

/// The loss, or the losses of all rows, and the gradients of x, weight and bias, weighted by row.
template <class Call>
std::vector<std::vector<double>> with_gradients(Inputs in, const Call& call) {
  for (Tensor* t : {&in.x, &in.weight, &in.bias}) require_grad(*t);
  Tape tape;
  const Tensor loss = call(in);
  std::vector<std::vector<double>> all{loss.doubles()};
  std::vector<float> weights(static_cast<size_t>(loss.numel()), 3.0f);
  for (size_t r = 0; r < weights.size(); ++r) weights[r] -= static_cast<float>(r);
  tape.backward(loss, Tensor::from(loss.device(), weights, loss.shape()));
  for (const Tensor* t : {&in.x, &in.weight, &in.bias}) all.push_back(grad_of(*t).doubles());
  return all;
}

constexpr size_t one_chunk = size_t{64} << 20;

}  // namespace

TEST_CASE("linear_cross_entropy: gradient, in one chunk and in several") {
  const Inputs in = inputs<double>(7, 4, 5);
  for (const size_t bytes : {one_chunk, 3 * 5 * sizeof(double), size_t{1}}) {
    const auto result = gradcheck(
        [&](const std::vector<Tensor>& t) {
          return linear_cross_entropy(t[0], t[1], t[2], in.targets, {.logits_bytes = bytes});
        },
        {in.x, in.weight, in.bias});
    INFO(result.worst);
    CHECK(result.below(1e-8));
  }
}

TEST_CASE("linear_cross_entropy: equals its composition, with its gradients") {
  const Inputs all = inputs<float>(53, 37, 131);
  const auto composed = with_gradients(all, [](const Inputs& in) {
    return linear_cross_entropy_composed(in.x, in.weight, in.bias, in.targets);
  });
  for (const size_t bytes : {one_chunk, 20 * 131 * sizeof(float)}) {
    const auto fused = with_gradients(all, [&](const Inputs& in) {
      return linear_cross_entropy(in.x, in.weight, in.bias, in.targets, {.logits_bytes = bytes});
    });
    for (size_t i = 0; i < fused.size(); ++i) {
      INFO("of loss, dx, dW, db, number " << i << ", logits in at most " << bytes << " bytes");
      CHECK(test::close_by_norm(fused[i], composed[i], 1e-6));
    }
  }
}

TEST_CASE("linear_cross_entropy: with a bf16 weight, products are those of rounded operands") {
  const auto rounded = [](const Tensor& t) { return cast(cast(t, DType::bf16), DType::f32); };
  const Inputs all = inputs<float>(53, 37, 131);
  Inputs low = all;
  low.x = rounded(all.x), low.weight = rounded(all.weight);
  const auto expected = with_gradients(
      low, [](const Inputs& in) { return linear_cross_entropy(in.x, in.weight, in.bias, in.targets); });
  const Tensor weight_bf16 = cast(all.weight, DType::bf16);
  for (const size_t bytes : {one_chunk, 20 * 131 * sizeof(float)}) {
    const auto got = with_gradients(all, [&](const Inputs& in) {
      return linear_cross_entropy(in.x, in.weight, in.bias, in.targets,
                                  {.weight_bf16 = weight_bf16, .logits_bytes = bytes});
    });
    for (size_t i = 0; i < got.size(); ++i) {
      INFO("of loss, dx, dW, db, number " << i << ", logits in at most " << bytes << " bytes");
      const bool rounds_dz = i == 1 || i == 2;
      CHECK(test::close_by_norm(got[i], expected[i], rounds_dz ? 5e-3 : 1e-6));
    }
  }
}

// One chunk multiplies the gradient of the logits by dloss, several the gradients of the inputs: these differ by
// rounding.
TEST_CASE("linear_cross_entropy: chunking rows changes neither the loss nor the gradient of x") {
  const Inputs all = inputs<float>(53, 37, 131);
  const auto run = [&](size_t bytes) {
    return with_gradients(all, [&](const Inputs& in) {
      return linear_cross_entropy(in.x, in.weight, in.bias, in.targets, {.logits_bytes = bytes});
    });
  };
  const auto whole = run(one_chunk), parts = run(27 * 131 * sizeof(float)),
             more = run(18 * 131 * sizeof(float));
  CHECK(whole[0] == parts[0]);
  for (size_t i = 1; i < whole.size(); ++i) CHECK(test::close_by_norm(parts[i], whole[i], 1e-6));
  CHECK(more[0] == parts[0]);
  CHECK(more[1] == parts[1]);
}

TEST_CASE("linear_cross_entropy_rows: gradient, in one chunk and in several, and with a frozen weight") {
  const Inputs in = inputs<double>(7, 4, 5);
  for (const size_t bytes : {one_chunk, 3 * 5 * sizeof(double), size_t{1}}) {
    const auto result = gradcheck(
        [&](const std::vector<Tensor>& t) {
          return linear_cross_entropy_rows(t[0], t[1], t[2], in.targets, {.logits_bytes = bytes});
        },
        {in.x, in.weight, in.bias});
    INFO(result.worst);
    CHECK(result.below(1e-8));
  }
  const auto frozen = gradcheck(
      [&](const std::vector<Tensor>& t) {
        return linear_cross_entropy_rows(t[0], in.weight, {}, in.targets);
      },
      {in.x});
  CHECK(frozen.below(1e-8));
}

TEST_CASE("linear_cross_entropy_rows: equals its composition, and its mean is linear_cross_entropy") {
  const Inputs all = inputs<float>(53, 37, 131);
  const auto composed = with_gradients(all, [](const Inputs& in) {
    return linear_cross_entropy_rows_composed(in.x, in.weight, in.bias, in.targets);
  });
  std::vector<std::vector<double>> whole;
  for (const size_t bytes : {one_chunk, 20 * 131 * sizeof(float)}) {
    const auto fused = with_gradients(all, [&](const Inputs& in) {
      return linear_cross_entropy_rows(in.x, in.weight, in.bias, in.targets, {.logits_bytes = bytes});
    });
    for (size_t i = 0; i < fused.size(); ++i) {
      INFO("of losses, dx, dW, db, number " << i << ", logits in at most " << bytes << " bytes");
      CHECK(test::close_by_norm(fused[i], composed[i], 1e-6));
    }
    if (whole.empty()) whole = fused;
    CHECK(fused[0] == whole[0]);  // chunks change neither the losses nor dx
    CHECK(fused[1] == whole[1]);
  }
  double sum = 0;
  for (const double loss : whole[0]) sum += loss;
  CHECK(linear_cross_entropy(all.x, all.weight, all.bias, all.targets).item() ==
        Approx(sum / 52).epsilon(1e-6));
  for (size_t c = 0; c < 37; ++c) CHECK(whole[1][37 + c] == 0);  // of the second row, which is ignored
}

TEST_CASE("linear_cross_entropy_rows: with a bf16 weight, products are those of rounded operands") {
  const auto rounded = [](const Tensor& t) { return cast(cast(t, DType::bf16), DType::f32); };
  const Inputs all = inputs<float>(53, 37, 131);
  Inputs low = all;
  low.x = rounded(all.x), low.weight = rounded(all.weight);
  const auto expected = with_gradients(
      low, [](const Inputs& in) { return linear_cross_entropy_rows(in.x, in.weight, in.bias, in.targets); });
  const auto got = with_gradients(all, [&](const Inputs& in) {
    return linear_cross_entropy_rows(in.x, in.weight, in.bias, in.targets,
                                     {.weight_bf16 = cast(all.weight, DType::bf16)});
  });
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("of losses, dx, dW, db, number " << i);
    CHECK(test::close_by_norm(got[i], expected[i], i == 1 || i == 2 ? 5e-3 : 1e-6));
  }
}

TEST_CASE("linear_cross_entropy: memory is bounded by the logits of one chunk") {
  const Inputs in = inputs<float>(64, 8, 1000);
  cpu().pool().trim();
  cpu().pool().reset_peak();
  const size_t before = cpu().pool().stats().live;
  const size_t limit = 8 * 1000 * sizeof(float);
  Tensor x = in.x;
  require_grad(x);
  Tape tape;
  const LinearCrossEntropyOptions options{.logits_bytes = limit};
  SECTION("the mean") { tape.backward(linear_cross_entropy(x, in.weight, in.bias, in.targets, options)); }
  SECTION("rows") {
    const Tensor losses = linear_cross_entropy_rows(x, in.weight, in.bias, in.targets, options);
    tape.backward(losses, losses.detached());
  }
  const size_t scratch = cpu().pool().stats().at_peak_by_use[static_cast<size_t>(MemUse::scratch)];
  CHECK(cpu().pool().stats().peak - before <= limit + scratch + 10000);
}

TEST_CASE("linear_cross_entropy: no bias, frozen weight") {
  const Inputs in = inputs<double>(4, 3, 6);
  const auto result = gradcheck(
      [&](const std::vector<Tensor>& t) { return linear_cross_entropy(t[0], in.weight, {}, in.targets); },
      {in.x});
  CHECK(result.below(1e-8));
}

TEST_CASE("linear_cross_entropy: wrong shapes are refused") {
  const Inputs in = inputs<float>(4, 3, 6);
  CHECK_THROWS_WITH(linear_cross_entropy(in.x, in.x.viewed({3, 4}), {}, in.targets),
                    Catch::Contains("[V, 3]"));
  CHECK_THROWS_WITH(
      linear_cross_entropy(in.x, in.weight, {}, Tensor::from(cpu(), std::vector<int32_t>(4, 6), {4})),
      Catch::Contains("target 0 is 6"));
}

}  // namespace hewn

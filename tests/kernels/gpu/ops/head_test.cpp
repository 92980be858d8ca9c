// The head of a model on a GPU (linear_cross_entropy): logits once per chunk of rows, gradients with the loss.

#include <algorithm>
#include <cmath>

#include "core/gradcheck.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/abi.h"
#include "kernels/linear_cross_entropy/chunks.h"
#include "kernels/linear_cross_entropy/op.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

struct Inputs {
  Tensor x, weight, bias, targets;
  std::vector<Tensor*> leaves() { return {&x, &weight, &bias}; }
};

/// Logits of about `size`; one row in five is ignored.
template <class T>
Inputs inputs(Device& device, int64_t rows, int64_t cols, int64_t classes, double size = 1) {
  test::Random random("head on a GPU");
  std::vector<int32_t> targets(static_cast<size_t>(rows));
  for (int32_t& t : targets) t = static_cast<int32_t>(random.integer(0, classes - 1));
  for (size_t r = 1; r < targets.size(); r += 5) targets[r] = ignored_target;
  const double scale = std::sqrt(size / std::sqrt(static_cast<double>(cols)));
  const auto normals = [&](const Shape& shape) {
    std::vector<T> values = random.normals<T>(shape.numel());
    for (T& v : values) v *= static_cast<T>(scale);
    return Tensor::from(device, values, shape);
  };
  return {normals({rows, cols}), normals({classes, cols}), normals({classes}),
          Tensor::from(device, targets, {rows})};
}

/// The loss, or the losses of all rows, and the gradients of x, weight and bias for dloss = 3, or 3, 2, 1 ...
template <class Call>
std::vector<std::vector<double>> with_gradients(Inputs in, const Call& call) {
  for (Tensor* t : in.leaves()) require_grad(*t);
  Tape tape;
  const Tensor loss = call(in);
  std::vector<std::vector<double>> all{loss.doubles()};
  Tensor weights = Tensor::from(loss.device(), std::vector<float>(1, 3.0f), {});
  if (loss.rank() > 0) {
    std::vector<float> values(static_cast<size_t>(loss.numel()));
    for (size_t r = 0; r < values.size(); ++r) values[r] = 3.0f - static_cast<float>(r);
    weights = Tensor::from(loss.device(), values, loss.shape());
  }
  tape.backward(loss, weights);
  for (const Tensor* t : in.leaves()) all.push_back(grad_of(*t).doubles());
  return all;
}

/// Limits that result in one chunk and in several, for 64 padded classes of this type.
std::vector<size_t> limits(DType dtype, int64_t rows) {
  return {0, static_cast<size_t>(rows) * 64 * size_of(dtype)};
}

}  // namespace

TEST_CASE("GPU head: gradient in float64, in one chunk and in several") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const Inputs in = inputs<double>(*gpu, 7, 4, 5, 3);
  for (const size_t bytes : limits(DType::f64, 3)) {
    const auto result = gradcheck(
        [&](const std::vector<Tensor>& t) {
          return linear_cross_entropy(t[0], t[1], t[2], in.targets, {.logits_bytes = bytes});
        },
        {in.x, in.weight, in.bias});
    INFO(result.worst << ", logits in " << bytes << " bytes");
    CHECK(result.below(1e-8));
    const auto of_rows = gradcheck(
        [&](const std::vector<Tensor>& t) {
          return linear_cross_entropy_rows(t[0], t[1], t[2], in.targets, {.logits_bytes = bytes});
        },
        {in.x, in.weight, in.bias});
    INFO(of_rows.worst);
    CHECK(of_rows.below(1e-8));
  }
}

TEST_CASE("GPU head: equals its composition, with its gradients") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const Inputs all = inputs<float>(*gpu, 53, 37, 61, 3);
  const auto composed = with_gradients(all, [](const Inputs& in) {
    return linear_cross_entropy_composed(in.x, in.weight, in.bias, in.targets);
  });
  for (const size_t bytes : limits(DType::f32, 20)) {
    const auto fused = with_gradients(all, [&](const Inputs& in) {
      return linear_cross_entropy(in.x, in.weight, in.bias, in.targets, {.logits_bytes = bytes});
    });
    for (size_t i = 0; i < fused.size(); ++i) {
      INFO("of loss, dx, dW, db, number " << i << ", logits in " << bytes << " bytes");
      CHECK(test::close_by_norm(fused[i], composed[i], 1e-6));
    }
  }
}

TEST_CASE("GPU head: the losses of rows equal their composition, with their gradients") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const Inputs all = inputs<float>(*gpu, 53, 37, 61, 3);
  const auto composed = with_gradients(all, [](const Inputs& in) {
    return linear_cross_entropy_rows_composed(in.x, in.weight, in.bias, in.targets);
  });
  for (const size_t bytes : limits(DType::f32, 20)) {
    const auto fused = with_gradients(all, [&](const Inputs& in) {
      return linear_cross_entropy_rows(in.x, in.weight, in.bias, in.targets, {.logits_bytes = bytes});
    });
    for (size_t i = 0; i < fused.size(); ++i) {
      INFO("of losses, dx, dW, db, number " << i << ", logits in " << bytes << " bytes");
      CHECK(test::close_by_norm(fused[i], composed[i], 1e-6));
    }
  }
}

TEST_CASE("GPU head: with a bf16 weight, loss and gradients are those of a CPU with float32 logits") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const Inputs there = inputs<float>(*gpu, 53, 32, 61), here = inputs<float>(cpu(), 53, 32, 61);
  const auto mixed = [](const Inputs& in, size_t bytes) {
    return with_gradients(in, [bytes](const Inputs& leaves) {
      return linear_cross_entropy(
          leaves.x, leaves.weight, leaves.bias, leaves.targets,
          {.weight_bf16 = as_type(leaves.weight, DType::bf16), .logits_bytes = bytes});
    });
  };
  const auto expected = mixed(here, 0);
  for (const size_t bytes : limits(DType::bf16, 20)) {
    const auto got = mixed(there, bytes);
    INFO("logits in " << bytes << " bytes");
    CHECK(std::abs(got[0][0] - expected[0][0]) <= 3e-3);  // x and logits rounded: 3.5e-4 as a rule (one deviation)
    for (size_t i = 1; i < got.size(); ++i) {
      INFO("of dx, dW, db, number " << i);
      CHECK(test::close_by_norm(got[i], expected[i], 1e-2));
    }
  }
  const auto rows = [](const Inputs& in) {
    return with_gradients(in, [](const Inputs& leaves) {
      return linear_cross_entropy_rows(leaves.x, leaves.weight, leaves.bias, leaves.targets,
                                       {.weight_bf16 = as_type(leaves.weight, DType::bf16)});
    });
  };
  const auto found = rows(there), wanted = rows(here);
  for (size_t i = 0; i < found.size(); ++i) {
    INFO("of losses, dx, dW, db, number " << i);
    CHECK(test::close_by_norm(found[i], wanted[i], 1e-2));
  }
}

TEST_CASE("GPU head: gradients add to those of an earlier micro-step") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  Inputs in = inputs<float>(*gpu, 9, 8, 17);
  for (Tensor* t : in.leaves()) require_grad(*t);
  std::vector<std::vector<double>> once;
  for (int step = 0; step < 2; ++step) {
    Tape tape;
    tape.backward(linear_cross_entropy(in.x, in.weight, in.bias, in.targets), {}, 2.0);
    for (const Tensor* t : in.leaves()) once.push_back(grad_of(*t).doubles());
  }
  for (size_t i = 0; i < 3; ++i) {
    for (double& v : once[i]) v *= 2;
    CHECK(test::close_by_norm(once[i + 3], once[i], 1e-6));
  }
}

TEST_CASE("GPU head: the loss has the same bits with and without gradients, and with a frozen weight") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  Inputs in = inputs<float>(*gpu, 21, 8, 70);
  const auto loss = [&] {
    return linear_cross_entropy(in.x, in.weight, {}, in.targets, {.logits_bytes = 4096});
  };
  const double alone = loss().item();
  require_grad(in.x);
  Tape tape;
  const Tensor recorded = loss();
  CHECK(recorded.item() == alone);
  tape.backward(recorded);
  const std::vector<double> dx = grad_of(in.x).doubles();
  CHECK(std::any_of(dx.begin(), dx.end(), [](double v) { return v != 0; }));
  CHECK(dx[8] == 0);  // of the second row, which is ignored
}

TEST_CASE("GPU head: an invalid target makes the loss and its row's gradient NaN") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  Inputs in = inputs<float>(*gpu, 2, 4, 10);
  in.targets = Tensor::from(*gpu, std::vector<int32_t>{3, 10}, {2});
  require_grad(in.x);
  Tape tape;
  const Tensor loss = linear_cross_entropy(in.x, in.weight, {}, in.targets);
  CHECK(std::isnan(loss.item()));
  tape.backward(loss);
  const std::vector<double> dx = grad_of(in.x).doubles();
  CHECK(std::isfinite(dx[0]));
  CHECK(std::isnan(dx[4]));
}

TEST_CASE("GPU head: memory is that of the logits of one chunk and of the gradients") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const Inputs in = inputs<float>(*gpu, 64, 8, 1000);
  const size_t limit = 8 * 1024 * sizeof(float), gradients = (64 * 8 + 1000 * 8) * sizeof(float);
  constexpr size_t rest = 5000;  // losses, the number of targets, and the fences of checking builds
  Tensor x = in.x, weight = in.weight;
  const auto peak_of = [&](const auto& work) {
    constexpr auto scratch = static_cast<size_t>(MemUse::scratch);
    const MemStats& stats = gpu->pool().stats();
    gpu->pool().trim();
    gpu->pool().reset_peak();
    const size_t before = stats.live - stats.live_by_use[scratch];
    work();
    return stats.peak - stats.at_peak_by_use[scratch] - before;
  };
  const auto loss = [&] { return linear_cross_entropy(x, weight, {}, in.targets, {.logits_bytes = limit}); };
  CHECK(peak_of(loss) <= limit + rest);
  require_grad(x);
  require_grad(weight);
  CHECK(peak_of([&] {
          Tape tape;
          tape.backward(loss());
        }) <= limit + 2 * gradients + rest);
}

TEST_CASE("GPU head: a chunk's logits take a sixteenth of the memory, in whole tiles, at least 4096 rows") {
  constexpr size_t gb = 1'000'000'000;
  constexpr int64_t row = 50304 * 2;  // bytes of bf16 logits
  const Chunks gpt2 = chunks_on_gpu(80 * gb, 64 * 1024, row);
  CHECK(gpt2.per_chunk == 32768);
  const Chunks single = chunks_on_gpu(80 * gb, 48 * 1024, row);
  CHECK(single.one());
  CHECK(chunks_on_gpu(0, 5000, row).per_chunk == 2560);
  CHECK(chunks_on_gpu(0, 4096, row).one());
  CHECK(chunks_on_gpu(80 * gb, 77, row).per_chunk == 77);
  test::Random random("chunks");
  for (int repeat = 0; repeat < 200; ++repeat) {
    const int64_t rows = random.integer(1, 300000), bytes = 2 * random.integer(1, 300000);
    const auto memory = static_cast<size_t>(random.integer(0, 200)) * gb;
    const Chunks chunks = chunks_on_gpu(memory, rows, bytes);
    INFO(rows << " rows of " << bytes << " bytes, " << memory << " bytes of memory");
    int64_t covered = 0, count = 0;
    chunks.each([&](int64_t first, int64_t n) {
      CHECK(first == covered);
      CHECK((n % 128 == 0 || first + n == rows));
      CHECK((n <= 4096 || static_cast<size_t>(n * bytes) <= memory / 16));
      covered += n;
      ++count;
    });
    CHECK(covered == rows);
    const int64_t most = std::max<int64_t>(4096, static_cast<int64_t>(memory / 16) / bytes / 128 * 128);
    CHECK(count <= (rows + most - 1) / most);
  }
}

}  // namespace hewn

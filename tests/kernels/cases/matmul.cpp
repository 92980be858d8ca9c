#include "kernels/copy/op.h"
#include "kernels/matmul/op.h"

#include "core/gradcheck.h"
#include "kernels/devices/devices.h"
#include "kernels/matmul/abi.h"
#include "tests/kernels/cases/every_rung.h"
#include "tests/kernels/cases/normals.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/fixture.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

void check_gradient(const Shape& a, const Shape& b, bool trans_a, bool trans_b) {
  INFO(a << (trans_a ? "^T" : "") << " times " << b << (trans_b ? "^T" : ""));
  test::Random random("matmul");
  const auto result =
      gradcheck([&](const std::vector<Tensor>& in) { return matmul(in[0], in[1], trans_a, trans_b); },
                {normals(random, a), normals(random, b)});
  INFO(result.worst);
  CHECK(result.below(1e-8));
}

}  // namespace

TEST_CASE("matmul: gradient") {
  check_gradient({5, 4}, {4, 3}, false, false);
  check_gradient({4, 5}, {4, 3}, true, false);
  check_gradient({5, 4}, {3, 4}, false, true);
  check_gradient({4, 5}, {3, 4}, true, true);
}

TEST_CASE("matmul: gradient where the batch broadcasts") {
  check_gradient({2, 3, 5, 4}, {4, 3}, false, false);    // dimensions become more rows
  check_gradient({2, 3, 4, 5}, {4, 3}, true, false);     // not possible here
  check_gradient({2, 1, 5, 4}, {3, 3, 4}, false, true);  // both are copied
  check_gradient({5, 4}, {2, 1, 2, 4, 3}, false, false);
  check_gradient({3, 1, 2, 2, 4}, {1, 2, 1, 4, 3}, false, false);
}

TEST_CASE("matmul: fixtures") {
  for (const auto& [tensors, cases] : test::op_fixtures("matmul"))
    for (const auto& c : cases) {
      for (const DType t : {DType::f32, DType::f64}) {
        INFO(c.name << " " << name_of(t));
        Tensor a = tensors.tensor(cpu(), c.name + ".a", t), b = tensors.tensor(cpu(), c.name + ".b", t);
        require_grad(a), require_grad(b);
        Tape tape;
        const Tensor y = matmul(a, b, c.parameters.at("trans_a") != 0, c.parameters.at("trans_b") != 0);
        tape.backward(y, tensors.tensor(cpu(), c.name + ".grad_out", t));
        const double tolerance = t == DType::f32 ? 1e-5 : 1e-6;
        CHECK(test::close_by_norm(y.doubles(), tensors.values(c.name + ".out"), tolerance));
        CHECK(test::close_by_norm(grad_of(a).doubles(), tensors.values(c.name + ".grad_a"), tolerance));
        CHECK(test::close_by_norm(grad_of(b).doubles(), tensors.values(c.name + ".grad_b"), tolerance));
      }
    }
}

TEST_CASE("matmul: slices of a packed tensor are multiplied without a copy") {
  test::Random random("views");
  const Tensor packed = normals(random, {2, 5, 3, 4});  // [B, T, H, D]
  const Tensor heads = packed.transposed(1, 2);         // [B, H, T, D]
  const Tensor scores = matmul(heads, heads, false, true);
  REQUIRE(scores.shape() == Shape{2, 3, 5, 5});
  const auto x = packed.doubles(), y = scores.doubles();
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t k = i % 5, q = i / 5 % 5, h = i / 25 % 3, b = i / 75;
    double sum = 0;
    for (size_t d = 0; d < 4; ++d) sum += x[((b * 5 + q) * 3 + h) * 4 + d] * x[((b * 5 + k) * 3 + h) * 4 + d];
    CHECK(std::abs(y[i] - sum) <= 1e-14 * 16);
  }
}

TEST_CASE("matmul: an element's bits do not depend on its neighbours") {
  test::Random random("rows");
  const DType type = GENERATE(DType::f32, DType::f64);
  const bool trans_b = GENERATE(false, true);
  for (const int64_t K : {5, 40, 800}) {
    const int64_t M = 40, N = 163;
    const Tensor a = cast(Tensor::from(cpu(), random.normals<double>(M * K), {M, K}), type);
    const Tensor b =
        cast(Tensor::from(cpu(), random.normals<double>(N * K), trans_b ? Shape{N, K} : Shape{K, N}), type);
    const auto whole = matmul(a, b, false, trans_b).doubles();
    for (const auto& [from, rows] : std::vector<std::pair<int64_t, int64_t>>{
             {0, 1}, {39, 1}, {1, 2}, {7, 3}, {36, 4}, {2, 5}, {0, 16}, {0, 17}, {21, 19}}) {
      const auto part = matmul(a.sliced(0, from, rows), b, false, trans_b).doubles();
      CHECK(std::equal(part.begin(), part.end(), whole.begin() + from * N));
    }
    // The last three columns do not fill a vector in either product.
    for (const auto& [from, cols] :
         std::vector<std::pair<int64_t, int64_t>>{{0, 48}, {101, 48}, {144, 19}, {160, 3}}) {
      for (const int64_t rows : {int64_t{1}, M}) {
        const auto part =
            matmul(a.sliced(0, 0, rows), b.sliced(trans_b ? 0 : 1, from, cols), false, trans_b).doubles();
        for (int64_t i = 0; i < rows * cols; ++i)
          CHECK(part[static_cast<size_t>(i)] == whole[static_cast<size_t>(i / cols * N + from + i % cols)]);
      }
    }
  }
}

TEST_CASE("matmul: where rows are kept apart, every kernel computes each as if it were alone") {
  const DType dtype = GENERATE(DType::f32, DType::bf16);
  const bool trans_a = GENERATE(false, true), trans_b = GENERATE(false, true);
  const bool bf16_c = dtype == DType::bf16 && GENERATE(false, true);
  const int64_t K = GENERATE(33, 1601);  // the second in several blocks
  constexpr int64_t M = 67, N = 101;
  test::Random random("rows apart");
  const Tensor a = cast(normals(random, trans_a ? Shape{K, M} : Shape{M, K}), dtype);
  const Tensor b = cast(normals(random, trans_b ? Shape{N, K} : Shape{K, N}), dtype);
  const Tensor bias = cast(normals(random, {N}), DType::f32);
  const size_t element = bf16_c ? sizeof(BFloat16) : sizeof(float);
  std::vector<char> whole(M * N * element), part;
  // Rows [from, from + rows) of the product.
  const auto args = [&](int64_t from, int64_t rows, std::vector<char>& c) {
    const int64_t before = trans_a ? from : from * K;
    const auto* row = static_cast<const char*>(a.data()) + before * static_cast<int64_t>(size_of(dtype));
    c.assign(static_cast<size_t>(rows * N) * element, 0);
    Matmul m{dtype,           rows,     N, K,         trans_a, trans_b, row, trans_a ? M : K, b.data(),
             trans_b ? K : N, c.data(), N, Write::set};
    m.alpha = 0.375;
    m.epilogue.bias = bias.data();
    m.bf16_c = bf16_c;
    m.rows_apart = true;
    return m;
  };
  for_each_rung(args(0, M, whole), [&](Isa, const auto& run) {
    run(args(0, M, whole), 1);
    for (const int64_t rows : {1, 2, 3, 4, 5, 8, 16, 17})
      for (const int threads : {1, 2, 3}) {
        const int64_t from = random.integer(0, M - rows);
        INFO(rows << " rows from " << from << ", " << threads << " threads");
        run(args(from, rows, part), threads);
        CHECK(std::equal(part.begin(), part.end(), whole.begin() + from * N * static_cast<int64_t>(element)));
      }
  });
}

TEST_CASE("matmul: sizes without elements") {
  const Tensor none = Tensor::empty(cpu(), DType::f32, {3, 0}),
               zero = Tensor::empty(cpu(), DType::f32, {0, 2});
  CHECK(matmul(none, zero).values<float>() == std::vector<float>(6, 0));
  CHECK(matmul(zero, Tensor::zeros(cpu(), DType::f32, {2, 4})).shape() == Shape{0, 4});
}

TEST_CASE("matmul: wrong shapes are refused") {
  const auto make = [](DType t, const Shape& s) { return Tensor::zeros(cpu(), t, s); };
  const Tensor a = make(DType::f32, {4, 5});
  CHECK_THROWS_WITH(matmul(a, a), Catch::Contains("[4, 5] times [4, 5]") && Catch::Contains("5 and 4"));
  CHECK_THROWS_WITH(matmul(a, make(DType::f64, {5, 4})), Catch::Contains("f64"));
  CHECK_THROWS_WITH(matmul(a, make(DType::f32, {5})), Catch::Contains("two dimensions"));
  CHECK_THROWS(matmul(make(DType::f32, {2, 4, 5}), make(DType::f32, {3, 5, 4})));
}

}  // namespace hewn

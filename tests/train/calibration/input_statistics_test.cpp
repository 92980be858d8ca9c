#include "train/calibration/input_statistics.h"

#include "tests/train/tiny.h"

namespace hewn {

TEST_CASE("read inputs: squares are the diagonal of products, which are symmetric") {
  const auto model = make_model(test::tiny_model(), cpu(), DType::f32, 1, false);
  const Dataset text = test::some_text(400, model->config().vocab_size);
  const ReadInputs read = read_inputs(*model, text, 300, true);
  CHECK(read.squares.contains("transformer.h.0.attn.c_attn.weight"));
  CHECK(read.products.size() > 2);
  for (const auto& [name, products] : read.products) {
    INFO(name);
    const std::vector<float>& squares = read.squares.at(name);
    const size_t n = squares.size();
    REQUIRE(products.size() == n * n);
    for (size_t i = 0; i < n; ++i) {
      CHECK(products[i * n + i] == Approx(squares[i]).epsilon(1e-4));
      for (size_t j = 0; j < i; ++j) CHECK(products[i * n + j] == Approx(products[j * n + i]).margin(1e-6));
    }
  }
  CHECK(read_inputs(*model, text, 300).products.empty());
}

TEST_CASE("read inputs: a matrix that read fewer rows than it has columns has no products") {
  const auto model = make_model(test::tiny_model(), cpu(), DType::f32, 1, false);
  const int64_t T = model->config().block_size;
  const ReadInputs read = read_inputs(*model, test::some_text(T + 1, model->config().vocab_size), T, true);
  // The head reads the last position alone.
  CHECK(read.squares.contains("transformer.wte.weight"));
  CHECK_FALSE(read.products.contains("transformer.wte.weight"));
}

}  // namespace hewn

// Decoding in mixed precision: few rows, all of whose time goes into reading matrices.

#include <string_view>

#include "kernels/matmul/abi.h"
#include "model/generation/generate.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/gpu.h"

namespace hewn {
namespace {

/// The number types of all products.
struct ProductTypes final : Profiler {
  void launching(const char* op, const void* args) override {
    if (std::string_view(op) == "matmul") of.push_back(static_cast<const Matmul*>(args)->dtype);
  }
  void launched(const char*, const char*, const Cost&) override {}

  std::vector<DType> of;
};

const ModelConfig config{.vocab_size = 48, .block_size = 16, .n_layer = 2, .n_head = 2, .n_embd = 32};

/// The logits of ten tokens by turns, fed one at a time.
std::vector<double> decode(Executor& device, DType dtype, ProductTypes& products) {
  const auto model = make_model(config, device, dtype, 3);
  std::vector<double> logits;
  device.profile(&products);
  generate(*model, {7, 1, 2}, {.max_new_tokens = 10, .sampling = {.temperature = 0}},
           [&](const Generated& g) {
             logits.insert(logits.end(), g.logits.begin(), g.logits.end());
             return true;
           });
  device.profile(nullptr);
  return logits;
}

}  // namespace

TEST_CASE("decoding in mixed precision reads bf16 matrices, on a CPU and on a GPU") {
  ProductTypes wide, here, there;
  const std::vector<double> expected = decode(cpu(), DType::f32, wide);
  CHECK(!wide.of.empty());
  CHECK(wide.of == std::vector<DType>(wide.of.size(), DType::f32));
  const std::vector<double> mixed = decode(cpu(), DType::bf16, here);
  CHECK(here.of == std::vector<DType>(wide.of.size(), DType::bf16));
  CHECK(mixed != expected);
  CHECK(test::close_by_norm(mixed, expected, 1e-2));
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const std::vector<double> logits = decode(*gpu, DType::bf16, there);
  CHECK(!there.of.empty());
  CHECK(there.of == std::vector<DType>(there.of.size(), DType::bf16));
  CHECK(test::close_by_norm(logits, mixed, 1e-2));
}

}  // namespace hewn

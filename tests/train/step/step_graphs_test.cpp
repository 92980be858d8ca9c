// Which graphs of micro-steps are kept.

#include "train/step/step_graphs.h"

#include "kernels/elementwise/op.h"
#include "tests/support/catch.h"
#include "tests/support/gpu.h"

namespace hewn {

TEST_CASE("step graphs: the kinds used last are kept, all of one address", "[gpu]") {
  const auto gpu = test::make_test_gpu();
  if (!gpu) return;
  const Tensor x = Tensor::from(*gpu, std::vector<float>{1, 2}, {2});
  const int32_t tokens = 0, targets = 0, others = 0;  // of which only the addresses count
  StepGraphs graphs(*gpu);
  int calls = 0;
  const auto replays = [&](int64_t rows, const int32_t* target) {
    return graphs.run({.shape = {rows}, .tokens = &tokens, .targets = target}, [&] {
      add(x, x);
      ++calls;
    });
  };
  for (int i = 0; i < 3; ++i) CHECK_FALSE(replays(1, &targets));
  CHECK(replays(1, &targets));
  CHECK(calls == 3);

  const auto most = static_cast<int64_t>(StepGraphs::most);
  for (int64_t rows = 2; rows <= most; ++rows) CHECK_FALSE(replays(rows, &targets));
  CHECK(replays(1, &targets));
  CHECK_FALSE(replays(most + 1, &targets));  // in the place of the kind with two rows
  CHECK(replays(1, &targets));
  for (int64_t rows = 2; rows <= most + 1; ++rows) replays(rows, &targets);
  calls = 0;
  for (int i = 0; i < 3; ++i) CHECK_FALSE(replays(1, &targets));
  CHECK(calls == 3);

  CHECK(replays(1, &targets));
  CHECK_FALSE(replays(2, &others));
  CHECK_FALSE(replays(1, &targets));
}

}  // namespace hewn

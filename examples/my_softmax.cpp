// A template for your own rung. From the root of the repository:
//
//   g++ -std=c++20 -O3 -march=native -shared -fPIC -I. examples/my_softmax.cpp -o my_softmax.so
//   hewn bench kernels --rung=my_softmax.so --shape=3072x256
//
// The first command takes a second, so edit, run both, and read the table. docs/kernels.md has the rules.
#include <algorithm>
#include <cmath>

#include "kernels/contract/parallel.h"
#include "kernels/contract/plugin.h"
#include "kernels/softmax/abi.h"

namespace {

// y[r, :] = softmax(x[r, :]), rows in float32. Rows are distributed among the threads and never split, so the
// result is the same for any number of threads.
void my_softmax(const hewn::Launch& launch, const hewn::SoftmaxForward& a) {
  hewn::parallel_for(launch, a.rows, [&a](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* x = static_cast<const float*>(a.x) + r * a.cols;
      float* y = static_cast<float*>(a.y) + r * a.cols;
      const float most = *std::max_element(x, x + a.cols);
      float sum = 0;
      for (int64_t i = 0; i < a.cols; ++i) sum += y[i] = std::exp(x[i] - most);
      for (int64_t i = 0; i < a.cols; ++i) y[i] /= sum;
    }
  });
}

// Declines unsupported arguments; those cases are neither checked nor timed.
const char* why_not(const hewn::SoftmaxForward& a) {
  if (a.dtype != hewn::DType::f32) return "f32 only";
  return a.queries ? "no causal mask" : nullptr;
}

}  // namespace

extern "C" const hewn::RungPlugin* hewn_rung() {
  static constexpr auto rung =
      hewn::rung_plugin<hewn::SoftmaxForward, my_softmax, why_not>("softmax.forward", "mine");
  return &rung;
}

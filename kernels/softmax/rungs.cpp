#include "kernels/softmax/rungs.h"

#include <cmath>
#include <limits>

#include "kernels/softmax/visible.h"

namespace hewn {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

void write_row(const float* x, float* y, int64_t cols, int64_t seen, float most, float sum) {
  const float scale = 1 / sum;
  for (int64_t i = 0; i < seen; ++i) y[i] = std::exp(x[i] - most) * scale;
  for (int64_t i = seen; i < cols; ++i) y[i] = 0;
}

}  // namespace

// Milakov and Gimelshein, "Online normalizer calculation for softmax" (2018), algorithm 3: when a larger
// value m' turns up, the sum so far, taken relative to m, is multiplied by e^(m - m').
void softmax_online(const Launch&, const SoftmaxForward& a) {
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    const int64_t seen = visible(a, r);
    float most = -inf, sum = 0;
    for (int64_t i = 0; i < seen; ++i) {
      if (x[i] > most) {
        sum *= std::exp(most - x[i]);
        most = x[i];
      }
      sum += std::exp(x[i] - most);
    }
    write_row(x, static_cast<float*>(a.y) + r * a.cols, a.cols, seen, most, sum);
  }
}

// A sum is a chain: each addition waits for the one before. Eight chains run side by side, and the compiler
// may keep them in vector registers, which it must not do with one (the order of a sum is part of its value).
void softmax_unrolled(const Launch&, const SoftmaxForward& a) {
  constexpr int64_t chains = 8;
  for (int64_t r = 0; r < a.rows; ++r) {
    const float* x = static_cast<const float*>(a.x) + r * a.cols;
    const int64_t seen = visible(a, r);
    float mosts[chains], sums[chains] = {};
    for (float& m : mosts) m = -inf;
    for (int64_t i = 0; i < seen; ++i) mosts[i % chains] = std::fmax(mosts[i % chains], x[i]);
    float most = -inf, sum = 0;
    for (const float m : mosts) most = std::fmax(most, m);
    for (int64_t i = 0; i < seen; ++i) sums[i % chains] += std::exp(x[i] - most);
    for (const float s : sums) sum += s;
    write_row(x, static_cast<float*>(a.y) + r * a.cols, a.cols, seen, most, sum);
  }
}

}  // namespace hewn

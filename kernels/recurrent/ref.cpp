#include <cmath>

#include "kernels/contract/reference.h"
#include "kernels/recurrent/abi.h"

namespace hewn {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace

template <>
void kernel<"reference">(const Launch&, const LstmForward& a) {
  with_wide(a.dtype, [&]<class T>(T) {
    for (int64_t r = 0; r < a.rows; ++r)
      for (int64_t j = 0; j < a.cols; ++j) {
        const int64_t at = r * a.cols + j, first = 4 * r * a.cols + j;
        const Doubles<T> x{a.x}, c_before{a.c_before};
        const double i = sigmoid(x[first]), f = sigmoid(x[first + a.cols]),
                     g = std::tanh(x[first + 2 * a.cols]), o = sigmoid(x[first + 3 * a.cols]);
        const double c = (a.c_before ? f * c_before[at] : 0) + i * g;
        put<T>(a.gates, first, i, Write::set);
        put<T>(a.gates, first + a.cols, f, Write::set);
        put<T>(a.gates, first + 2 * a.cols, g, Write::set);
        put<T>(a.gates, first + 3 * a.cols, o, Write::set);
        put<T>(a.c, at, c, Write::set);
        put<T>(a.h, at, o * std::tanh(c), Write::set);
      }
  });
}

template <>
void kernel<"reference">(const Launch&, const LstmBackward& a) {
  with_wide(a.dtype, [&]<class T>(T) {
    const Doubles<T> gates{a.gates}, cs_before{a.c_before}, cs{a.c}, dhs{a.dh}, dcs{a.dc};
    for (int64_t r = 0; r < a.rows; ++r)
      for (int64_t j = 0; j < a.cols; ++j) {
        const int64_t at = r * a.cols + j, first = 4 * r * a.cols + j;
        const double i = gates[first], f = gates[first + a.cols], g = gates[first + 2 * a.cols],
                     o = gates[first + 3 * a.cols];
        const double c_before = a.c_before ? cs_before[at] : 0, y = std::tanh(cs[at]), dh = dhs[at];
        const double e = (a.dc ? dcs[at] : 0) + dh * o * (1 - y * y);
        put<T>(a.dx, first, e * g * i * (1 - i), Write::set);
        put<T>(a.dx, first + a.cols, e * c_before * f * (1 - f), Write::set);
        put<T>(a.dx, first + 2 * a.cols, e * i * (1 - g * g), Write::set);
        put<T>(a.dx, first + 3 * a.cols, dh * y * o * (1 - o), Write::set);
        put<T>(a.dc_before, at, e * f, Write::set);
      }
  });
}

}  // namespace hewn

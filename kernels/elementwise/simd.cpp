#include "kernels/elementwise/abi.h"

#include "kernels/contract/parallel.h"
#include "kernels/simd/vec_math.h"

namespace hewn {
namespace {

template <class F>
void forward(const Launch& launch, const UnaryForward& a, const F& f) {
  const float* x = static_cast<const float*>(a.x);
  float* y = static_cast<float*>(a.y);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    for_lanes(begin, end, [&](int64_t i, auto lanes) { write(y + i, f(load(x + i, lanes)), a.to_y, lanes); });
  });
}

template <class F>
void backward(const Launch& launch, const UnaryBackward& a, const F& slope) {
  const float* kept = static_cast<const float*>(a.kept);
  const float* dy = static_cast<const float*>(a.dy);
  float* dx = static_cast<float*>(a.dx);
  parallel_elements(launch, a.n, [&](int64_t begin, int64_t end) {
    for_lanes(begin, end, [&](int64_t i, auto lanes) {
      write(dx + i, load(dy + i, lanes) * slope(load(kept + i, lanes)), a.to_dx, lanes);
    });
  });
}

/// One row of the last dimension, in which an operand advances (step 1) or repeats (step 0).
template <class F>
void row(const Binary& args, const float* a, const float* b, float* y, int64_t begin, int64_t end,
         const F& f) {
  const bool a_stays = args.a_stride[args.rank - 1] == 0, b_stays = args.b_stride[args.rank - 1] == 0;
  if (a_stays && b_stays) {
    for_lanes(begin, end,
              [&](int64_t i, auto lanes) { write(y + i, f(set1(*a), set1(*b)), args.to_y, lanes); });
  } else if (a_stays) {
    for_lanes(begin, end, [&](int64_t i, auto lanes) {
      write(y + i, f(set1(*a), load(b + i, lanes)), args.to_y, lanes);
    });
  } else if (b_stays) {
    for_lanes(begin, end, [&](int64_t i, auto lanes) {
      write(y + i, f(load(a + i, lanes), set1(*b)), args.to_y, lanes);
    });
  } else {
    for_lanes(begin, end, [&](int64_t i, auto lanes) {
      write(y + i, f(load(a + i, lanes), load(b + i, lanes)), args.to_y, lanes);
    });
  }
}

template <class F>
void binary(const Launch& launch, const Binary& args, const F& f) {
  const int last = args.rank - 1;
  const int64_t cols = args.shape[last];
  int64_t rows = 1;
  for (int d = 0; d < last; ++d) rows *= args.shape[d];
  // A work item is several whole rows of about 4096 elements in total, or a piece of one long row.
  const int64_t pieces = blocks_of(cols, 4096);
  const int64_t group = pieces > 1 ? 1 : 4096 / (cols > 0 ? cols : 1);
  parallel_for(launch, blocks_of(rows, group) * pieces, [&](int64_t begin, int64_t end, int) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item % pieces * 4096, stop = first + 4096 < cols ? first + 4096 : cols;
      for (int64_t r = item / pieces * group; r < rows && r < (item / pieces + 1) * group; ++r) {
        const float* a = static_cast<const float*>(args.a);
        const float* b = static_cast<const float*>(args.b);
        int64_t rest = r;
        for (int d = last - 1; d >= 0; --d) {
          a += rest % args.shape[d] * args.a_stride[d];
          b += rest % args.shape[d] * args.b_stride[d];
          rest /= args.shape[d];
        }
        row(args, a, b, static_cast<float*>(args.y) + r * cols, first, stop, f);
      }
    }
  });
}

}  // namespace

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const UnaryForward& a) {
  const auto c = static_cast<float>(a.c);
  switch (a.op) {
    case UnaryOp::scale: return forward(launch, a, [c](vf x) { return x * c; });
    case UnaryOp::add_scalar: return forward(launch, a, [c](vf x) { return x + c; });
    case UnaryOp::exp: return forward(launch, a, [](vf x) { return exp(x); });
    case UnaryOp::log: return forward(launch, a, [](vf x) { return log(x); });
    case UnaryOp::sqrt: return forward(launch, a, [](vf x) { return sqrt(x); });
    case UnaryOp::tanh: return forward(launch, a, [](vf x) { return tanh(x); });
    case UnaryOp::sigmoid: return forward(launch, a, [](vf x) { return sigmoid(x); });
  }
}

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const UnaryBackward& a) {
  switch (a.op) {
    case UnaryOp::exp: return backward(launch, a, [](vf y) { return y; });
    case UnaryOp::log: return backward(launch, a, [](vf x) { return 1.0f / x; });
    case UnaryOp::sqrt: return backward(launch, a, [](vf y) { return 0.5f / y; });
    case UnaryOp::tanh: return backward(launch, a, [](vf y) { return (1.0f - y) * (1.0f + y); });
    case UnaryOp::sigmoid: return backward(launch, a, [](vf y) { return y * (1.0f - y); });
    case UnaryOp::scale:
    case UnaryOp::add_scalar: return;  // use no slope (abi.h)
  }
}

template <>
void kernel<"vector", Isa::HEWN_ISA>(const Launch& launch, const Binary& a) {
  switch (a.op) {
    case BinaryOp::add: return binary(launch, a, [](vf x, vf y) { return x + y; });
    case BinaryOp::sub: return binary(launch, a, [](vf x, vf y) { return x - y; });
    case BinaryOp::mul: return binary(launch, a, [](vf x, vf y) { return x * y; });
    case BinaryOp::div: return binary(launch, a, [](vf x, vf y) { return x / y; });
  }
}

}  // namespace hewn

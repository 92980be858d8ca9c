#include <span>

#include "core/text.h"
#include "kernels/contract/case.h"
#include "kernels/elementwise/abi.h"

namespace hewn {
namespace {

struct NamedUnary {
  UnaryOp op;
  const char* name;
  bool backward;
};
constexpr NamedUnary unary_ops[] = {
    {UnaryOp::scale, "scale", false},   {UnaryOp::add_scalar, "add_scalar", false},
    {UnaryOp::exp, "exp", true},        {UnaryOp::log, "log", true},
    {UnaryOp::sqrt, "sqrt", true},      {UnaryOp::tanh, "tanh", true},
    {UnaryOp::sigmoid, "sigmoid", true}};

constexpr std::pair<BinaryOp, const char*> binary_ops[] = {
    {BinaryOp::add, "add"}, {BinaryOp::sub, "sub"}, {BinaryOp::mul, "mul"}, {BinaryOp::div, "div"}};

/// Positive and not close to 0, for logarithm, square root and quotient.
double positive(Rng& rng, int64_t) { return 0.1 + 3 * rng.uniform_double(); }

double tolerance_of(DType t) { return t == DType::f64 ? 1e-14 : t == DType::bf16 ? 4e-3 : 1e-6; }

/// In an addition, y may cancel the result: the tolerance is then that of values of about 1.
double may_cancel(Write write) { return write == Write::add ? 1 : 1e-6; }

/// How the operands of a [2, rows, cols] result are broadcast.
struct Stretch {
  const char* name;
  bool a[3], b[3];     ///< whether the operand has the dimension
  bool f32_b = false;  ///< b is f32 beside a bf16 a
};
constexpr Stretch stretches[] = {{"", {true, true, true}, {true, true, true}},
                                 {" b row", {true, true, true}, {false, false, true}},
                                 {" b column", {true, true, true}, {true, true, false}},
                                 {" b number", {true, true, true}, {false, false, false}, true},
                                 {" a column, b row", {true, true, false}, {true, false, true}},
                                 {" a one, b middle", {false, false, false}, {false, true, false}}};

const char* name_of(UnaryOp op) {
  for (const auto& [known, name, backward] : unary_ops)
    if (known == op) return name;
  return "";
}

/// In place: x is y.
Sketch unary(const UnaryForward& args, bool in_place) {
  return sketch_of(
      args, args.dtype,
      sizes_text({args.n}) + " " + name_of(args.op) + (in_place ? " in place" : name_of(args.to_y)),
      [in_place](CaseMemory& m, UnaryForward& a) {
        const double tolerance = tolerance_of(a.dtype);
        if (in_place) {
          a.x = a.y = m.output("z", a.dtype, a.n, tolerance);
          return;
        }
        const bool no_negative = a.op == UnaryOp::log || a.op == UnaryOp::sqrt;
        a.x = no_negative ? m.input("x", a.dtype, a.n, positive) : m.input("x", a.dtype, a.n);
        a.y = m.output("y", a.dtype, a.n, tolerance, may_cancel(a.to_y));
      });
}
Sketch like_unary(const UnaryForward& args) { return unary(args, false); }

/// In place: dx is dy.
Sketch unary_backward(const UnaryBackward& args, bool in_place) {
  return sketch_of(
      args, args.dtype,
      sizes_text({args.n}) + " " + name_of(args.op) + (in_place ? " in place" : name_of(args.to_dx)),
      [in_place](CaseMemory& m, UnaryBackward& a) {
        a.kept = m.input("kept", a.dtype, a.n,
                         [](Rng& rng, int64_t) { return 0.05 + 0.9 * rng.uniform_double(); });
        if (!in_place) a.dy = m.input("dy", a.dtype, a.n);
        a.dx = m.output("dx", a.dtype, a.n, tolerance_of(a.dtype), may_cancel(a.to_dx));
        if (in_place) a.dy = a.dx;
      });
}
Sketch like_unary_backward(const UnaryBackward& args) { return unary_backward(args, false); }

/// `how` tells how a and b are broadcast.
Sketch binary(const Binary& args, const std::string& how) {
  const std::string shape = list_text(std::span(args.shape, static_cast<size_t>(args.rank)), "x") + " " +
                            binary_ops[static_cast<size_t>(args.op)].second + how + name_of(args.to_y);
  return sketch_of(args, args.dtype, shape, [](CaseMemory& m, Binary& a) {
    a.a = m.input("a", a.dtype, reach(a, a.a_stride));
    a.b = m.input("b", a.b_dtype, reach(a, a.b_stride), positive);
    a.y = m.output("y", a.dtype, elements_of(a), tolerance_of(a.dtype), may_cancel(a.to_y));
  });
}

Sketch like_binary(const Binary& args) {
  const int64_t n = elements_of(args), n_a = reach(args, args.a_stride), n_b = reach(args, args.b_stride);
  return binary(args, (n_a < n ? join(" a of ", n_a) : "") + (n_b < n ? join(" b of ", n_b) : ""));
}

/// Operands of a [2, rows, cols] result.
Binary stretched(BinaryOp op, DType t, int64_t rows, int64_t cols, const Stretch& how, Write write) {
  const DType b_type = how.f32_b && t == DType::bf16 ? DType::f32 : t;
  Binary args{op, t, b_type, 3, {2, rows, cols}, {}, {}, nullptr, nullptr, nullptr, write};
  int64_t n_a = 1, n_b = 1;
  for (int d = 2; d >= 0; --d) {
    if (how.a[d]) args.a_stride[d] = n_a, n_a *= args.shape[d];
    if (how.b[d]) args.b_stride[d] = n_b, n_b *= args.shape[d];
  }
  return args;
}

void add_unary_cases(Cases& cases, const CaseRequest& request, int64_t n) {
  const DType t = request.dtype;
  for (const auto& [op, name, has_backward] : unary_ops) {
    // In place, y is read and has both signs.
    if (op != UnaryOp::log && op != UnaryOp::sqrt)
      cases.push_back(unary({op, t, n, 1.75, {}, {}, Write::set}, true).make(request));
    for (const Write write : {Write::set, Write::add}) {
      cases.push_back(like_unary({op, t, n, 1.75, {}, {}, write}).make(request));
      if (!has_backward) continue;
      if (write == Write::set)
        cases.push_back(unary_backward({op, t, n, {}, {}, {}, write}, true).make(request));
      cases.push_back(like_unary_backward({op, t, n, {}, {}, {}, write}).make(request));
    }
  }
}

}  // namespace

Cases elementwise_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.push_back(5000);  // more than one thread's block
  if (request.bench) sizes = {768 * 512, 256 * 3072};
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  for (const int64_t n : sizes) {
    add_unary_cases(cases, request, n);
    const int64_t rows = request.bench ? 64 : 3, cols = request.bench ? n / 2 / rows : n;
    for (const auto& [op, name] : binary_ops)
      for (const Stretch& how : stretches)
        for (const Write write : {Write::set, Write::add})
          cases.push_back(binary(stretched(op, t, rows, cols, how, write), how.name).make(request));
  }
  return cases;
}

Sketch elementwise_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_unary, like_unary_backward, like_binary);
}

}  // namespace hewn

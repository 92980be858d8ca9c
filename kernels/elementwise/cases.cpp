#include "kernels/contract/case.h"
#include "kernels/elementwise/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<UnaryForward> = std::tuple{&UnaryForward::x, &UnaryForward::y};
template <>
inline constexpr auto pointers_in<UnaryBackward> =
    std::tuple{&UnaryBackward::kept, &UnaryBackward::dy, &UnaryBackward::dx};
template <>
inline constexpr auto pointers_in<Binary> = std::tuple{&Binary::a, &Binary::b, &Binary::y};

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

const char* suffix(Write write) { return write == Write::add ? " add" : ""; }

/// In an addition, y may cancel the result: the tolerance is then that of values of about 1.
double may_cancel(Write write) { return write == Write::add ? 1 : 1e-6; }

void add_unary_cases(Cases& cases, const CaseRequest& request, int64_t n, double tolerance) {
  const DType t = request.dtype;
  for (const auto& [op, name, has_backward] : unary_ops) {
    const bool wants_positive = op == UnaryOp::log || op == UnaryOp::sqrt;
    const std::string shape = std::to_string(n) + " " + name;
    CaseMemory in_place(request.seed);
    auto* z = in_place.output("z", t, n, tolerance, 1e-6);
    if (!wants_positive)
      cases.push_back(std::make_unique<CaseOf<UnaryForward>>(std::move(in_place), shape + " in place", t,
                                                             UnaryForward{op, t, n, 1.75, z, z, Write::set}));
    for (const Write write : {Write::set, Write::add}) {
      CaseMemory f(request.seed);
      const auto* x = wants_positive ? f.input("x", t, n, positive) : f.input("x", t, n);
      auto* y = f.output("y", t, n, tolerance, may_cancel(write));
      cases.push_back(std::make_unique<CaseOf<UnaryForward>>(std::move(f), shape + suffix(write), t,
                                                             UnaryForward{op, t, n, 1.75, x, y, write}));
      if (!has_backward) continue;
      if (write == Write::set) {
        CaseMemory over(request.seed);
        const auto* kept =
            over.input("kept", t, n, [](Rng& rng, int64_t) { return 0.05 + 0.9 * rng.uniform_double(); });
        auto* d = over.output("d", t, n, tolerance, 1e-6);
        cases.push_back(std::make_unique<CaseOf<UnaryBackward>>(
            std::move(over), shape + " in place", t, UnaryBackward{op, t, n, kept, d, d, Write::set}));
      }
      CaseMemory b(request.seed);
      const auto* kept =
          b.input("kept", t, n, [](Rng& rng, int64_t) { return 0.05 + 0.9 * rng.uniform_double(); });
      const auto* dy = b.input("dy", t, n);
      auto* dx = b.output("dx", t, n, tolerance, may_cancel(write));
      cases.push_back(std::make_unique<CaseOf<UnaryBackward>>(std::move(b), shape + suffix(write), t,
                                                              UnaryBackward{op, t, n, kept, dy, dx, write}));
    }
  }
}

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

void add_binary_case(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols, BinaryOp op,
                     const char* name, const Stretch& how, Write write, double tolerance) {
  const DType t = request.dtype, b_type = how.f32_b && t == DType::bf16 ? DType::f32 : t;
  Binary args{op, t, b_type, 3, {2, rows, cols}, {}, {}, nullptr, nullptr, nullptr, write};
  int64_t n_a = 1, n_b = 1;
  for (int d = 2; d >= 0; --d) {
    if (how.a[d]) args.a_stride[d] = n_a, n_a *= args.shape[d];
    if (how.b[d]) args.b_stride[d] = n_b, n_b *= args.shape[d];
  }
  CaseMemory memory(request.seed);
  args.a = memory.input("a", t, n_a);
  args.b = memory.input("b", b_type, n_b, positive);
  args.y = memory.output("y", t, 2 * rows * cols, tolerance, may_cancel(write));
  const std::string shape = "2x" + std::to_string(rows) + "x" + std::to_string(cols) + " " + name;
  cases.push_back(
      std::make_unique<CaseOf<Binary>>(std::move(memory), shape + how.name + suffix(write), t, args));
}

const char* name_of(UnaryOp op) {
  for (const auto& [known, name, backward] : unary_ops)
    if (known == op) return name;
  return "";
}

Sketch like_unary(const UnaryForward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.n}) + " " + name_of(args.op) + suffix(args.to_y),
                   [](CaseMemory& m, UnaryForward& a) {
                     a.x = m.input("x", a.dtype, a.n, positive);
                     a.y = m.output("y", a.dtype, a.n, tolerance_of(a.dtype), may_cancel(a.to_y));
                   });
}

Sketch like_unary_backward(const UnaryBackward& args) {
  return sketch_of(args, args.dtype, sizes_text({args.n}) + " " + name_of(args.op) + suffix(args.to_dx),
                   [](CaseMemory& m, UnaryBackward& a) {
                     a.kept = m.input("kept", a.dtype, a.n,
                                      [](Rng& rng, int64_t) { return 0.05 + 0.9 * rng.uniform_double(); });
                     a.dy = m.input("dy", a.dtype, a.n);
                     a.dx = m.output("dx", a.dtype, a.n, tolerance_of(a.dtype), may_cancel(a.to_dx));
                   });
}

/// One more than the largest index that these strides reach.
int64_t reach(const Binary& a, const int64_t (&stride)[max_dims]) {
  int64_t last = 0;
  for (int d = 0; d < a.rank; ++d) last += (a.shape[d] - 1) * stride[d];
  return last + 1;
}

Sketch like_binary(const Binary& args) {
  std::string shape;
  int64_t n = 1;
  for (int d = 0; d < args.rank; ++d) {
    shape += (d ? "x" : "") + std::to_string(args.shape[d]);
    n *= args.shape[d];
  }
  shape += " " + std::string(binary_ops[static_cast<size_t>(args.op)].second);
  const int64_t n_a = reach(args, args.a_stride), n_b = reach(args, args.b_stride);
  if (n_a < n) shape += " a of " + std::to_string(n_a);
  if (n_b < n) shape += " b of " + std::to_string(n_b);
  return sketch_of(args, args.dtype, shape + suffix(args.to_y), [=](CaseMemory& m, Binary& a) {
    a.a = m.input("a", a.dtype, n_a);
    a.b = m.input("b", a.b_dtype, n_b, positive);
    a.y = m.output("y", a.dtype, n, tolerance_of(a.dtype), 1);
  });
}

}  // namespace

Cases elementwise_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  const double tolerance = tolerance_of(t);
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.push_back(5000);  // more than one thread's block
  if (request.bench) sizes = {768 * 512, 256 * 3072};
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  for (const int64_t n : sizes) {
    add_unary_cases(cases, request, n, tolerance);
    const int64_t rows = request.bench ? 64 : 3;
    for (const auto& [op, name] : binary_ops)
      for (const Stretch& how : stretches)
        for (const Write write : {Write::set, Write::add})
          add_binary_case(cases, request, rows, request.bench ? n / 2 / rows : n, op, name, how, write,
                          tolerance);
  }
  return cases;
}

Sketch elementwise_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_unary, like_unary_backward, like_binary);
}

}  // namespace hewn

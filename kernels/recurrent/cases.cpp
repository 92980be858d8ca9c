#include "kernels/contract/case.h"
#include "kernels/recurrent/abi.h"

namespace hewn {
namespace {

/// A step as the model runs it: the first of a sequence, or a later one, in place or not.
enum class Step : uint8_t { first, later, in_place };
constexpr const char* names[] = {" first", "", " in place"};

double tolerance_of(DType t) { return t == DType::f64 ? 1e-14 : 1e-6; }

/// Gates between 0 and 1.
double between(Rng& rng, int64_t) { return 0.02 + 0.96 * rng.uniform_double(); }

void fill(CaseMemory& m, LstmForward& a, Step step) {
  const int64_t n = a.rows * a.cols;
  const double tolerance = tolerance_of(a.dtype);
  a.gates = m.output("gates", a.dtype, 4 * n, tolerance, 1);
  a.c = m.output("c", a.dtype, n, tolerance, 1);
  a.h = m.output("h", a.dtype, n, tolerance, 1);
  a.x = step == Step::in_place ? a.gates : m.input("x", a.dtype, 4 * n, Fill::normal, 3).data;
  a.c_before = step == Step::first      ? nullptr
               : step == Step::in_place ? a.c
                                        : m.input("c before", a.dtype, n).data;
}

void fill(CaseMemory& m, LstmBackward& a, Step step) {
  const int64_t n = a.rows * a.cols;
  a.gates = m.input("gates", a.dtype, 4 * n, between);
  a.c_before = step == Step::first ? nullptr : m.input("c before", a.dtype, n).data;
  a.c = m.input("c", a.dtype, n);
  a.dh = m.input("dh", a.dtype, n);
  a.dx = m.output("dx", a.dtype, 4 * n, tolerance_of(a.dtype), 1);
  a.dc_before = m.output("dc before", a.dtype, n, tolerance_of(a.dtype), 1);
  a.dc = step == Step::first      ? nullptr
         : step == Step::in_place ? a.dc_before
                                  : m.input("dc", a.dtype, n).data;
}

template <class A>
Sketch sketch(const A& args, Step step) {
  return sketch_of(args, args.dtype, sizes_text({args.rows, args.cols}) + names[static_cast<size_t>(step)],
                   [step](CaseMemory& m, A& a) { fill(m, a, step); });
}

Sketch like_forward(const LstmForward& a) {
  return sketch(a, !a.c_before ? Step::first : a.x == a.gates ? Step::in_place : Step::later);
}
Sketch like_backward(const LstmBackward& a) {
  return sketch(a, !a.c_before ? Step::first : a.dc == a.dc_before ? Step::in_place : Step::later);
}

}  // namespace

Cases recurrent_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  std::vector<std::pair<int64_t, int64_t>> sizes;
  for (const int64_t cols : sizes_around(request.width)) sizes.emplace_back(3, cols);
  sizes.emplace_back(21, 130);  // more than one block of rows
  if (request.bench) sizes = {{64, 256}, {32, 768}};
  if (!request.shape.empty()) {
    const auto given = parse_sizes(request.shape, 2, "RxC");
    sizes = {{given[0], given[1]}};
  }
  Cases cases;
  for (const auto& [rows, cols] : sizes)
    for (const Step step : {Step::first, Step::later, Step::in_place}) {
      cases.push_back(sketch(LstmForward{t, rows, cols, {}, {}, {}, {}, {}}, step).make(request));
      cases.push_back(sketch(LstmBackward{t, rows, cols, {}, {}, {}, {}, {}, {}, {}}, step).make(request));
    }
  return cases;
}

Sketch recurrent_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn

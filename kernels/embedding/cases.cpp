#include <cmath>

#include "kernels/contract/case.h"
#include "kernels/embedding/abi.h"

namespace hewn {
namespace {

/// In tests, some ids are frequent and some absent; in benchmarks, all are equally likely, as the cost assumes.
template <class A>
void* input_ids(CaseMemory& m, const A& a) {
  return m.input("ids", a.ids_dtype, a.n, [&](Rng& rng, int64_t i) {
    return static_cast<double>(!m.bench() && i % 3 == 0 ? 0 : rng.below(static_cast<uint64_t>(a.vocabulary)));
  });
}

Sketch like_forward(const EmbeddingForward& args) {
  return sketch_of(args, args.y_dtype,
                   sizes_text({args.n, args.vocabulary, args.width}) + (args.position ? " position" : ""),
                   [](CaseMemory& m, EmbeddingForward& a) {
                     a.ids = input_ids(m, a);
                     a.weight = m.input("weight", a.dtype, a.vocabulary * a.width);
                     if (a.position) a.position = m.input("position", a.dtype, a.period * a.width);
                     a.y = m.output("y", a.y_dtype, a.n * a.width, 0);
                   });
}

Sketch like_backward(const EmbeddingBackward& args) {
  return sketch_of(
      args, args.dy_dtype, sizes_text({args.n, args.vocabulary, args.width}) + name_of(args.to_dweight),
      [](CaseMemory& m, EmbeddingBackward& a) {
        a.ids = input_ids(m, a);
        a.dy = m.input("dy", a.dy_dtype, a.n * a.width);
        a.dweight = m.output("dweight", a.dtype, a.vocabulary * a.width, a.dtype == DType::f64 ? 1e-14 : 1e-6,
                             std::sqrt(static_cast<double>(a.n)));
      });
}

void add_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t period, int64_t vocabulary,
               int64_t width, DType ids) {
  const DType y_type = request.dtype, t = y_type == DType::f64 ? y_type : DType::f32;  // of the tables
  const int64_t n = rows * period;
  const auto add_forward = [&](DType weight, DType y, const void* position) {
    cases.push_back(
        like_forward({weight, y, ids, n, period, vocabulary, width, {}, {}, position, {}}).make(request));
  };
  add_forward(t, y_type, nullptr);
  add_forward(t, y_type, wanted);
  if (y_type == DType::bf16 && !request.bench) add_forward(DType::bf16, DType::f32, nullptr);
  for (const Write write : {Write::set, Write::add})
    cases.push_back(like_backward({t, y_type, ids, n, vocabulary, width, {}, {}, {}, write}).make(request));
}

}  // namespace

Cases embedding_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  Cases cases;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 3, "POSITIONSxVOCABULARYxWIDTH");
    add_cases(cases, request, 1, s[0], s[1], s[2], DType::i64);
  } else if (request.bench) {
    add_cases(cases, request, 12, 64, 65, 128, DType::i64);
    add_cases(cases, request, 4, 64, 50257, 768, DType::i64);
  } else {
    for (const int64_t width : sizes_around(request.width)) {
      add_cases(cases, request, 3, 7, 11, width, DType::i64);
      add_cases(cases, request, 1, 5, 3, width, DType::i32);
    }
    add_cases(cases, request, 4, 9, 20, 200, DType::i32);  // several strips of columns
  }
  return cases;
}

Sketch embedding_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn

#include <cmath>

#include "kernels/contract/case.h"
#include "kernels/embedding/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<EmbeddingForward> = std::tuple{
    &EmbeddingForward::ids, &EmbeddingForward::weight, &EmbeddingForward::position, &EmbeddingForward::y};
template <>
inline constexpr auto pointers_in<EmbeddingBackward> =
    std::tuple{&EmbeddingBackward::ids, &EmbeddingBackward::dy, &EmbeddingBackward::dweight};

namespace {

void add_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t period, int64_t vocabulary,
               int64_t width, DType ids_dtype) {
  const DType y_type = request.dtype, t = y_type == DType::f64 ? y_type : DType::f32;  // of the tables
  const int64_t n = rows * period;
  const double tolerance = t == DType::f64 ? 1e-14 : 1e-6;
  const std::string shape =
      std::to_string(n) + "x" + std::to_string(vocabulary) + "x" + std::to_string(width);
  // In tests, some ids are frequent and some absent; in benchmarks, all are equally likely,
  // as the cost assumes.
  const auto id = [vocabulary, often = !request.bench](Rng& rng, int64_t i) {
    return static_cast<double>(often && i % 3 == 0 ? 0 : rng.below(static_cast<uint64_t>(vocabulary)));
  };
  for (const bool with_position : {false, true}) {
    CaseMemory f(request.seed);
    const auto* ids = f.input("ids", ids_dtype, n, id);
    const auto* weight = f.input("weight", t, vocabulary * width);
    const auto* position = with_position ? f.input("position", t, period * width) : nullptr;
    auto* y = f.output("y", y_type, n * width, 0);
    cases.push_back(std::make_unique<CaseOf<EmbeddingForward>>(
        std::move(f), shape + (with_position ? " position" : ""), y_type,
        EmbeddingForward{t, y_type, ids_dtype, n, period, vocabulary, width, ids, weight, position, y}));
  }
  if (y_type == DType::bf16 && !request.bench) {
    CaseMemory w(request.seed);
    const auto* ids = w.input("ids", ids_dtype, n, id);
    const auto* weight = w.input("weight", DType::bf16, vocabulary * width);
    auto* y = w.output("y", DType::f32, n * width, 0);
    cases.push_back(std::make_unique<CaseOf<EmbeddingForward>>(
        std::move(w), shape + " bf16 table", y_type,
        EmbeddingForward{DType::bf16, DType::f32, ids_dtype, n, period, vocabulary, width, ids, weight,
                         nullptr, y}));
  }
  for (const Write write : {Write::set, Write::add}) {
    CaseMemory b(request.seed);
    const auto* ids = b.input("ids", ids_dtype, n, id);
    const auto* dy = b.input("dy", y_type, n * width);
    auto* dweight = b.output("dweight", t, vocabulary * width, tolerance, std::sqrt(static_cast<double>(n)));
    cases.push_back(std::make_unique<CaseOf<EmbeddingBackward>>(
        std::move(b), shape + (write == Write::add ? " add" : ""), y_type,
        EmbeddingBackward{t, y_type, ids_dtype, n, vocabulary, width, ids, dy, dweight, write}));
  }
}

/// Ids for benchmarks: all equally likely, as the cost assumes.
void* likely_ids(CaseMemory& m, DType dtype, int64_t n, int64_t vocabulary) {
  return m.input("ids", dtype, n, [vocabulary](Rng& rng, int64_t) {
    return static_cast<double>(rng.below(static_cast<uint64_t>(vocabulary)));
  });
}

Sketch like_forward(const EmbeddingForward& args) {
  return sketch_of(args, args.y_dtype,
                   sizes_text({args.n, args.vocabulary, args.width}) + (args.position ? " position" : ""),
                   [](CaseMemory& m, EmbeddingForward& a) {
                     a.ids = likely_ids(m, a.ids_dtype, a.n, a.vocabulary);
                     a.weight = m.input("weight", a.dtype, a.vocabulary * a.width);
                     if (a.position) a.position = m.input("position", a.dtype, a.period * a.width);
                     a.y = m.output("y", a.y_dtype, a.n * a.width, 0);
                   });
}

Sketch like_backward(const EmbeddingBackward& args) {
  return sketch_of(
      args, args.dy_dtype, sizes_text({args.n, args.vocabulary, args.width}) + name_of(args.to_dweight),
      [](CaseMemory& m, EmbeddingBackward& a) {
        a.ids = likely_ids(m, a.ids_dtype, a.n, a.vocabulary);
        a.dy = m.input("dy", a.dy_dtype, a.n * a.width);
        a.dweight =
            m.output("dweight", a.dtype, a.vocabulary * a.width, 1e-6, std::sqrt(static_cast<double>(a.n)));
      });
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

#include "kernels/case.h"
#include "kernels/cross_entropy/abi.h"

namespace hewn {
namespace {

/// One row in four left out, the first one kept.
int32_t* make_targets(CaseMemory& m, int64_t rows, int64_t cols) {
  return static_cast<int32_t*>(m.input("targets", DType::i32, rows, [cols](Rng& rng, int64_t r) {
    if (r % 4 == 3) return static_cast<double>(ignored_target);
    return static_cast<double>(static_cast<int64_t>(rng.uniform_double() * static_cast<double>(cols)));
  }));
}

void add_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  const DType t = request.dtype;
  const Fill fill = request.bench ? Fill::normal : Fill::harsh;
  const double tolerance = t == DType::f64 ? 1e-14 : 1e-6;
  const std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
  CaseMemory f(request.seed);
  const auto* logits = f.input("logits", t, rows * cols, fill);
  const auto* targets = make_targets(f, rows, cols);
  auto* losses = f.output("losses", t, rows, tolerance);
  auto* stats = f.output("stats", t, 2 * rows, tolerance);
  cases.push_back(std::make_unique<CaseOf<CrossEntropyForward>>(
      std::move(f), shape, t, CrossEntropyForward{t, rows, cols, logits, targets, losses, stats}));

  for (const Write write : {Write::set, Write::add}) {
    CaseMemory b(request.seed);
    const auto* x = b.input("logits", t, rows * cols);
    const auto* labels = make_targets(b, rows, cols);
    const auto* saved = b.input("stats", t, 2 * rows, [cols](Rng& rng, int64_t i) {
      return i % 2 == 0 ? 4 + rng.uniform_double() : static_cast<double>(cols) * (1 + rng.uniform_double());
    });
    const auto* dloss = b.input("dloss", t, 1);
    const auto* kept = b.input("kept", DType::i64, 1, [](Rng&, int64_t) { return 3.0; });
    auto* dlogits = b.output("dlogits", t, rows * cols, 5 * tolerance);
    cases.push_back(std::make_unique<CaseOf<CrossEntropyBackward>>(
        std::move(b), shape + (write == Write::add ? " add" : ""), t,
        CrossEntropyBackward{t, rows, cols, x, labels, saved, dloss, static_cast<const int64_t*>(kept),
                             dlogits, write}));
  }
}

void add_small_cases(Cases& cases, const CaseRequest& request, int64_t rows) {
  const DType t = request.dtype;
  CaseMemory c(request.seed);
  const auto* targets = make_targets(c, rows, 10);
  auto* count = c.output("kept", DType::i64, 1, 0);
  cases.push_back(std::make_unique<CaseOf<CountTargets>>(
      std::move(c), std::to_string(rows), t, CountTargets{rows, targets, static_cast<int64_t*>(count)}));

  CaseMemory m(request.seed);
  const auto* losses = m.input("losses", t, rows);
  const auto* kept = m.input("kept", DType::i64, 1, [](Rng&, int64_t) { return 3.0; });
  auto* loss = m.output("loss", t, 1, 1e-7);
  cases.push_back(
      std::make_unique<CaseOf<MeanLoss>>(std::move(m), std::to_string(rows), t,
                                         MeanLoss{t, rows, losses, static_cast<const int64_t*>(kept), loss}));
}

}  // namespace

Cases cross_entropy_cases(const CaseRequest& request) {
  if (request.dtype != DType::f32 && request.dtype != DType::f64) return {};
  Cases cases;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    add_cases(cases, request, s[0], s[1]);
  } else if (request.bench) {
    add_cases(cases, request, 256, 50257);
  } else {
    for (const int64_t cols : sizes_around(request.width)) add_cases(cases, request, 13, cols);
    add_cases(cases, request, 3, 130 * request.width + 5);
    for (const int64_t rows : {1, 37}) add_small_cases(cases, request, rows);
  }
  return cases;
}

}  // namespace hewn

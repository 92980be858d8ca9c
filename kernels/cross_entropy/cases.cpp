#include "kernels/contract/case.h"
#include "kernels/cross_entropy/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<CountTargets> = std::tuple{&CountTargets::targets, &CountTargets::kept};
template <>
inline constexpr auto pointers_in<CrossEntropyForward> =
    std::tuple{&CrossEntropyForward::logits, &CrossEntropyForward::targets, &CrossEntropyForward::losses,
               &CrossEntropyForward::stats};
template <>
inline constexpr auto pointers_in<CrossEntropyBackward> =
    std::tuple{&CrossEntropyBackward::logits, &CrossEntropyBackward::targets, &CrossEntropyBackward::stats,
               &CrossEntropyBackward::dloss,  &CrossEntropyBackward::kept,    &CrossEntropyBackward::dlogits};
template <>
inline constexpr auto pointers_in<CrossEntropyFused> =
    std::tuple{&CrossEntropyFused::logits, &CrossEntropyFused::targets, &CrossEntropyFused::kept,
               &CrossEntropyFused::losses, &CrossEntropyFused::weights};
template <>
inline constexpr auto pointers_in<MeanLoss> = std::tuple{&MeanLoss::losses, &MeanLoss::kept, &MeanLoss::loss};

namespace {

CrossEntropyForward rows_of(CrossEntropyForward a, int64_t first, int64_t n) {
  a.rows = n;
  a.logits = shifted(a.logits, a.dtype, first * a.cols);
  a.targets += first;
  a.losses = shifted(a.losses, a.dtype, first);
  a.stats = shifted(a.stats, a.dtype, 2 * first);
  return a;
}

CrossEntropyBackward rows_of(CrossEntropyBackward a, int64_t first, int64_t n) {
  a.rows = n;
  a.logits = shifted(a.logits, a.dtype, first * a.cols);
  a.targets += first;
  a.stats = shifted(a.stats, a.dtype, 2 * first);
  a.dlogits = shifted(a.dlogits, a.dtype, first * a.cols);
  return a;
}

CrossEntropyFused rows_of(CrossEntropyFused a, int64_t first, int64_t n) {
  a.rows = n;
  a.logits = shifted(a.logits, a.dtype, first * a.ld);
  a.targets += first;
  const DType t = a.dtype == DType::bf16 ? DType::f32 : a.dtype;
  a.losses = shifted(a.losses, t, first);
  if (a.weights) a.weights = shifted(a.weights, t, first);
  return a;
}

/// The rows of a large case that are checked.
template <class A>
std::vector<Excerpt<A>> excerpts_of(const A& a) {
  if (a.rows < 1024 || a.rows * a.cols < int64_t{1} << 24) return {};
  return sampled_parts<A>(a, a.rows, 256, 1, rows_of);
}
template <class A>
std::vector<Excerpt<A>> excerpts_of(const A& a, const CaseRequest& request) {
  return request.bench ? excerpts_of(a) : std::vector<Excerpt<A>>{};
}

/// In tests, one row in four is ignored, but not the first; in benchmarks, none.
int32_t* make_targets(CaseMemory& m, const CaseRequest& request, int64_t rows, int64_t cols) {
  return static_cast<int32_t*>(m.input("targets", DType::i32, rows, [&request, cols](Rng& rng, int64_t r) {
    if (r % 4 == 3 && !request.bench) return static_cast<double>(ignored_target);
    return static_cast<double>(static_cast<int64_t>(rng.uniform_double() * static_cast<double>(cols)));
  }));
}

/// A number of kept rows, for the gradient of a mean.
const int64_t* make_kept(CaseMemory& m) {
  return static_cast<const int64_t*>(m.input("kept", DType::i64, 1, [](Rng&, int64_t) { return 3.0; }));
}

void add_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  const DType t = request.dtype;
  const Fill fill = request.bench ? Fill::normal : Fill::harsh;
  const double tolerance = t == DType::f64 ? 1e-13 : 1e-6;
  const std::string shape = std::to_string(rows) + "x" + std::to_string(cols);
  CaseMemory f(request.seed);
  const auto* logits = f.input("logits", t, rows * cols, fill);
  const auto* targets = make_targets(f, request, rows, cols);
  auto* losses = f.output("losses", t, rows, tolerance);
  auto* stats = f.output("stats", t, 2 * rows, tolerance);
  const CrossEntropyForward forward{t, rows, cols, logits, targets, losses, stats};
  cases.push_back(std::make_unique<CaseOf<CrossEntropyForward>>(std::move(f), shape, t, forward,
                                                                excerpts_of(forward, request)));

  struct Way {
    Write write;
    bool in_place;  // the initial values of dlogits are the logits
    const char* name;
  };
  for (const Way way :
       {Way{Write::set, false, ""}, {Write::add, false, " add"}, {Write::set, true, " in place"}}) {
    if (way.in_place && request.bench) continue;  // each repetition would have different logits
    CaseMemory b(request.seed);
    const void* x = way.in_place ? nullptr : b.input("logits", t, rows * cols);
    const auto* labels = make_targets(b, request, rows, cols);
    const auto* saved = b.input("stats", t, 2 * rows, [cols](Rng& rng, int64_t i) {
      return i % 2 == 0 ? 4 + rng.uniform_double() : static_cast<double>(cols) * (1 + rng.uniform_double());
    });
    const auto* dloss = b.input("dloss", t, 1);
    const auto* kept = make_kept(b);
    auto* dlogits = b.output("dlogits", t, rows * cols, 5 * tolerance);
    const CrossEntropyBackward backward{
        t, rows, cols, way.in_place ? dlogits : x, labels, saved, dloss, kept, dlogits, way.write};
    cases.push_back(std::make_unique<CaseOf<CrossEntropyBackward>>(std::move(b), shape + way.name, t,
                                                                   backward, excerpts_of(backward, request)));
  }
}

/// The logits, the losses, and the gradients in place of the logits if `a.gradient`, each row's times its weight if
/// `weighted`. Two results of almost the same value may round to different bf16 numbers.
void fill_fused(CaseMemory& m, CrossEntropyFused& a, const CaseRequest& request, bool weighted) {
  const DType t = a.dtype == DType::bf16 ? DType::f32 : a.dtype;
  const double tolerance = t == DType::f64 ? 1e-13 : 1e-6,
               in_place = a.dtype == DType::bf16 ? 4e-3 : 5 * tolerance;
  a.logits = a.gradient
                 ? m.output("logits", a.dtype, a.rows * a.ld, in_place)
                 : m.input("logits", a.dtype, a.rows * a.ld, request.bench ? Fill::normal : Fill::harsh);
  a.targets = make_targets(m, request, a.rows, a.cols);
  a.kept = weighted ? nullptr : make_kept(m);
  a.weights = weighted ? m.input("weights", t, a.rows) : nullptr;
  a.losses = m.output("losses", t, a.rows, tolerance);
}

/// Rows padded as linear_cross_entropy does, without padding, and of odd length, which starts unaligned.
void add_fused_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  for (const int64_t ld : {(cols + 63) / 64 * 64, cols, cols + 2 + cols % 2})
    for (const char* kind : {"", " gradient", " weighted gradient"}) {
      const bool gradient = *kind != 0, weighted = gradient && kind[1] == 'w';
      if (request.bench && (ld % 64 != 0 || weighted)) continue;
      CaseMemory memory(request.seed);
      CrossEntropyFused a{};
      a.dtype = request.dtype, a.rows = rows, a.cols = cols, a.ld = ld, a.gradient = gradient;
      fill_fused(memory, a, request, weighted);
      const std::string shape = sizes_text({rows, cols}) + " apart " + std::to_string(ld) + kind;
      cases.push_back(std::make_unique<CaseOf<CrossEntropyFused>>(std::move(memory), shape, request.dtype, a,
                                                                  excerpts_of(a, request)));
    }
}

void add_small_cases(Cases& cases, const CaseRequest& request, int64_t rows) {
  const DType t = request.dtype;
  CaseMemory c(request.seed);
  const auto* targets = make_targets(c, request, rows, 10);
  auto* count = c.output("kept", DType::i64, 1, 0);
  cases.push_back(std::make_unique<CaseOf<CountTargets>>(
      std::move(c), std::to_string(rows), t, CountTargets{rows, targets, static_cast<int64_t*>(count)}));

  CaseMemory m(request.seed);
  const auto* losses = m.input("losses", t, rows);
  const auto* kept = make_kept(m);
  auto* loss = m.output("loss", t, 1, 1e-7);
  cases.push_back(std::make_unique<CaseOf<MeanLoss>>(std::move(m), std::to_string(rows), t,
                                                     MeanLoss{t, rows, losses, kept, loss}));
}

/// Plausible values of (m, s), and the gradient of a mean over three rows.
void add_saved(CaseMemory& m, CrossEntropyBackward& a) {
  a.stats = m.input("stats", a.dtype, 2 * a.rows, [cols = a.cols](Rng& rng, int64_t i) {
    return i % 2 == 0 ? 4 + rng.uniform_double() : static_cast<double>(cols) * (1 + rng.uniform_double());
  });
  a.dloss = m.input("dloss", a.dtype, 1);
  a.kept = make_kept(m);
}

Sketch like_count(const CountTargets& args) {
  return sketch_of(args, DType::f32, sizes_text({args.rows}), [](CaseMemory& m, CountTargets& a) {
    a.targets = make_targets(m, {.bench = true}, a.rows, 10);
    a.kept = static_cast<int64_t*>(m.output("kept", DType::i64, 1, 0));
  });
}

Sketch like_forward(const CrossEntropyForward& args) {
  return sketch_of(
      args, args.dtype, sizes_text({args.rows, args.cols}),
      [](CaseMemory& m, CrossEntropyForward& a) {
        a.logits = m.input("logits", a.dtype, a.rows * a.cols);
        a.targets = make_targets(m, {.bench = true}, a.rows, a.cols);
        a.losses = m.output("losses", a.dtype, a.rows, 1e-6);
        a.stats = m.output("stats", a.dtype, 2 * a.rows, 1e-6);
      },
      excerpts_of<CrossEntropyForward>);
}

/// In place if the original launch was: then the initial values of dlogits are the logits.
Sketch like_backward(const CrossEntropyBackward& args) {
  const bool in_place = args.dlogits == args.logits;
  return sketch_of(
      args, args.dtype,
      sizes_text({args.rows, args.cols}) + (in_place ? " in place" : name_of(args.to_dlogits)),
      [in_place](CaseMemory& m, CrossEntropyBackward& a) {
        if (!in_place) a.logits = m.input("logits", a.dtype, a.rows * a.cols);
        a.targets = make_targets(m, {.bench = true}, a.rows, a.cols);
        add_saved(m, a);
        a.dlogits = m.output("dlogits", a.dtype, a.rows * a.cols, 5e-6);
        if (in_place) a.logits = a.dlogits;
      },
      excerpts_of<CrossEntropyBackward>);
}

Sketch like_fused(const CrossEntropyFused& args) {
  return sketch_of(
      args, args.dtype, sizes_text({args.rows, args.cols}) + (args.gradient ? " gradient" : ""),
      [](CaseMemory& m, CrossEntropyFused& a) { fill_fused(m, a, {.bench = true}, a.weights != nullptr); },
      excerpts_of<CrossEntropyFused>);
}

Sketch like_mean(const MeanLoss& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows}), [](CaseMemory& m, MeanLoss& a) {
    a.losses = m.input("losses", a.dtype, a.rows);
    a.kept = make_kept(m);
    a.loss = m.output("loss", a.dtype, 1, 1e-7);
  });
}

}  // namespace

Cases cross_entropy_cases(const CaseRequest& request) {
  const bool bf16 = request.dtype == DType::bf16;  // only the fused operation has bf16 logits
  if (request.dtype != DType::f32 && request.dtype != DType::f64 && !bf16) return {};
  Cases cases;
  const auto add = [&](int64_t rows, int64_t cols) {
    if (!bf16) add_cases(cases, request, rows, cols);
    add_fused_cases(cases, request, rows, cols);
  };
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 2, "ROWSxCOLS");
    add(s[0], s[1]);
  } else if (request.bench) {
    add(256, 50257);
  } else {
    for (const int64_t cols : sizes_around(request.width)) add(13, cols);
    add(3, 130 * request.width + 5);
    if (bf16) return cases;
    for (const int64_t rows : {1, 37}) add_small_cases(cases, request, rows);
  }
  return cases;
}

Sketch cross_entropy_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_count, like_forward, like_backward, like_fused, like_mean);
}

}  // namespace hewn

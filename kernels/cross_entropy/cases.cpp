#include "kernels/contract/case.h"
#include "kernels/cross_entropy/abi.h"

namespace hewn {
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

/// In tests, one row in four is ignored, but not the first; in benchmarks, none.
int32_t* make_targets(CaseMemory& m, int64_t rows, int64_t cols) {
  return m.input("targets", DType::i32, rows, [&m, cols](Rng& rng, int64_t r) {
    if (r % 4 == 3 && !m.bench()) return static_cast<double>(ignored_target);
    return static_cast<double>(static_cast<int64_t>(rng.uniform_double() * static_cast<double>(cols)));
  });
}

/// A number of kept rows, for the gradient of a mean.
const int64_t* make_kept(CaseMemory& m) {
  return m.input("kept", DType::i64, 1, [](Rng&, int64_t) { return 3.0; });
}

double tolerance_of(DType t) { return t == DType::f64 ? 1e-13 : 1e-6; }

Sketch like_count(const CountTargets& args) {
  return sketch_of(args, DType::f32, sizes_text({args.rows}), [](CaseMemory& m, CountTargets& a) {
    a.targets = make_targets(m, a.rows, 10);
    a.kept = m.output("kept", DType::i64, 1, 0);
  });
}

Sketch like_forward(const CrossEntropyForward& args) {
  return sketch_of(
      args, args.dtype, sizes_text({args.rows, args.cols}),
      [](CaseMemory& m, CrossEntropyForward& a) {
        a.logits = m.input("logits", a.dtype, a.rows * a.cols, Fill::harsh);
        a.targets = make_targets(m, a.rows, a.cols);
        a.losses = m.output("losses", a.dtype, a.rows, tolerance_of(a.dtype));
        a.stats = m.output("stats", a.dtype, 2 * a.rows, tolerance_of(a.dtype));
      },
      excerpts_of);
}

/// In place: the initial values of dlogits are the logits. With plausible values of (m, s), and the gradient of a mean
/// over three rows.
Sketch backward(const CrossEntropyBackward& args, bool in_place) {
  return sketch_of(
      args, args.dtype,
      sizes_text({args.rows, args.cols}) + (in_place ? " in place" : name_of(args.to_dlogits)),
      [in_place](CaseMemory& m, CrossEntropyBackward& a) {
        if (!in_place) a.logits = m.input("logits", a.dtype, a.rows * a.cols);
        a.targets = make_targets(m, a.rows, a.cols);
        a.stats = m.input("stats", a.dtype, 2 * a.rows, [cols = a.cols](Rng& rng, int64_t i) {
          return i % 2 == 0 ? 4 + rng.uniform_double()
                            : static_cast<double>(cols) * (1 + rng.uniform_double());
        });
        a.dloss = m.input("dloss", a.dtype, 1);
        a.kept = make_kept(m);
        a.dlogits = m.output("dlogits", a.dtype, a.rows * a.cols, 5 * tolerance_of(a.dtype));
        if (in_place) a.logits = a.dlogits;
      },
      excerpts_of);
}
Sketch like_backward(const CrossEntropyBackward& args) { return backward(args, args.dlogits == args.logits); }

/// The logits, the losses, and the gradients in place of the logits if `gradient`, each row's times its weight if there
/// are weights. Two results of almost the same value may round to different bf16 numbers.
Sketch fused(const CrossEntropyFused& args, const std::string& kind) {
  return sketch_of(
      args, args.dtype, sizes_text({args.rows, args.cols}) + kind,
      [](CaseMemory& m, CrossEntropyFused& a) {
        const DType t = a.dtype == DType::bf16 ? DType::f32 : a.dtype;
        const double in_place = a.dtype == DType::bf16 ? 4e-3 : 5 * tolerance_of(t);
        a.logits = a.gradient ? m.output("logits", a.dtype, a.rows * a.ld, in_place)
                              : m.input("logits", a.dtype, a.rows * a.ld, Fill::harsh);
        a.targets = make_targets(m, a.rows, a.cols);
        a.kept = a.weights ? nullptr : make_kept(m);
        if (a.weights) a.weights = m.input("weights", t, a.rows);
        a.losses = m.output("losses", t, a.rows, tolerance_of(t));
      },
      excerpts_of);
}
Sketch like_fused(const CrossEntropyFused& args) { return fused(args, args.gradient ? " gradient" : ""); }

Sketch like_mean(const MeanLoss& args) {
  return sketch_of(args, args.dtype, sizes_text({args.rows}), [](CaseMemory& m, MeanLoss& a) {
    a.losses = m.input("losses", a.dtype, a.rows);
    a.kept = make_kept(m);
    a.loss = m.output("loss", a.dtype, 1, 1e-7);
  });
}

void add_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  const DType t = request.dtype;
  cases.push_back(like_forward({t, rows, cols, {}, {}, {}, {}}).make(request));
  const auto add_backward = [&](Write write, bool in_place) {
    cases.push_back(backward({t, rows, cols, {}, {}, {}, {}, {}, {}, write}, in_place).make(request));
  };
  add_backward(Write::set, false);
  add_backward(Write::add, false);
  if (!request.bench) add_backward(Write::set, true);  // each repetition would have different logits
}

/// Rows padded as linear_cross_entropy does, without padding, and of odd length, which starts unaligned.
void add_fused_cases(Cases& cases, const CaseRequest& request, int64_t rows, int64_t cols) {
  for (const int64_t ld : {(cols + 63) / 64 * 64, cols, cols + 2 + cols % 2}) {
    const auto add = [&](const char* kind, bool gradient, const void* weights) {
      cases.push_back(
          fused({request.dtype, rows, cols, ld, {}, {}, {}, {}, gradient, weights}, join(" apart ", ld, kind))
              .make(request));
    };
    if (request.bench && ld % 64 != 0) continue;
    add("", false, nullptr);
    add(" gradient", true, nullptr);
    if (!request.bench) add(" weighted gradient", true, wanted);
  }
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
    for (const int64_t rows : {1, 37}) {
      cases.push_back(like_count({rows, {}, {}}).make(request));
      cases.push_back(like_mean({request.dtype, rows, {}, {}, {}}).make(request));
    }
  }
  return cases;
}

Sketch cross_entropy_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_count, like_forward, like_backward, like_fused, like_mean);
}

}  // namespace hewn

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/attention/abi.h"
#include "kernels/attention/plain.h"
#include "kernels/contract/case.h"
#include "kernels/devices/devices.h"

namespace hewn {
namespace {

Heads read_only(const HeadsOut& h) { return {h.data, h.batch, h.head, h.row}; }

struct Qkv {
  HeadsOut q, k, v;
};

/// q, k, v or their gradients; `make(name, n)` allocates a buffer. Packed [B, T, (H + 2 Hkv) D] when Tq = Tk, as in
/// training and whatever the layout of a launch; otherwise q [B, H, Tq, D] and a cache [B, Hkv, Tk, D].
template <class Make>
Qkv lay_out(const AttentionSizes& a, const std::string& prefix, const Make& make) {
  if (a.Tq == a.Tk) {
    const int64_t row = (a.H + 2 * a.Hkv) * a.D;
    void* qkv = make(prefix + "qkv", a.B * a.Tq * row);
    const auto from_head = [&](int64_t h) {
      return HeadsOut{shifted(qkv, a.dtype, h * a.D), a.Tq * row, a.D, row};
    };
    return {from_head(0), from_head(a.H), from_head(a.H + a.Hkv)};
  }
  const auto heads = [&](const char* name, int64_t H, int64_t T) {
    return HeadsOut{make(prefix + name, a.B * H * T * a.D), H * T * a.D, T * a.D, a.D};
  };
  return {heads("q", a.H, a.Tq), heads("k", a.Hkv, a.Tk), heads("v", a.Hkv, a.Tk)};
}

/// Normals with zeros, ties and outliers; the outliers are too small for a nearly one-hot softmax, for which
/// dp - dy . y cancels in any arithmetic.
double value(Rng& rng, int64_t i) {
  if (i % 31 == 7) return 0;
  if (i % 29 == 11) return 0.5;
  return (i % 97 == 13 ? 1.2 : 0.4) * rng.normal();
}

/// Tolerances of bf16 results, in norm: half a unit in the last of 8 bits (2^-9) for the result, which two
/// rungs may round in different directions, and the same for the probabilities that are summed; for
/// gradients, also for those of the scores. One query over many keys is mostly cancellation and has few
/// results, so errors do not average out: 2e-3 is usual there, 5e-3 rare.
constexpr double bf16_tolerance = 8e-3, bf16_gradient_tolerance = 1e-2;

/// Whether a case of a benchmark is checked on excerpts.
bool is_large(const AttentionSizes& a) { return a.B * a.H * a.Tq * a.Tk * a.D >= int64_t{1} << 24; }

/// The rows of the first and the last of `heads` heads that are checked, [T] each, numbered through all heads: 130 of
/// each head or, if each row takes part in many pairs, 64.
std::vector<int64_t> checked_rows(int64_t heads, int64_t T, int64_t pairs) {
  std::vector<int64_t> rows;
  const int64_t few = std::clamp<int64_t>((int64_t{1} << 20) / pairs, 64, 130);
  for (const int64_t head : std::set{int64_t{0}, heads - 1})
    for (const int64_t t : sampled_places(T, few)) rows.push_back(head * T + t);
  return rows;
}

/// The parts of a large case that are checked: single queries.
std::vector<Excerpt<AttentionForward>> excerpts_of(const AttentionForward& a) {
  std::vector<Excerpt<AttentionForward>> queries;
  if (!is_large(a)) return queries;
  for (const int64_t row : checked_rows(a.B * a.H, a.Tq, a.Tk))
    queries.push_back({a, attention_reference_query, row});
  return queries;
}

/// The gradients of single queries and of single keys.
std::vector<Excerpt<AttentionBackward>> excerpts_of(const AttentionBackward& a) {
  std::vector<Excerpt<AttentionBackward>> gradients;
  if (!is_large(a)) return gradients;
  for (const int64_t row : checked_rows(a.B * a.H, a.Tq, a.Tk))
    gradients.push_back({a, attention_reference_query, row});
  for (const int64_t row : checked_rows(a.B * a.Hkv, a.Tk, a.Tq * (a.H / a.Hkv)))
    gradients.push_back({a, attention_reference_key, row});
  return gradients;
}

double tolerance_of(DType t) { return t == DType::f64 ? 1e-13 : t == DType::bf16 ? bf16_tolerance : 5e-6; }

std::string shape_of(const AttentionSizes& a) {
  std::string text = sizes_text({a.B, a.H, a.Tq, a.Tk, a.D});
  const int64_t window = std::min(a.window, a.Tk);
  if (a.Hkv != a.H || window != a.Tk) text += "x" + sizes_text({a.Hkv, window});
  if (a.position && a.capacity > 0) text += " of " + std::to_string(a.capacity);
  return text + (a.dropout > 0 ? " dropout" : "");
}

int64_t rows(const AttentionSizes& a) { return a.B * a.H * a.Tq; }
/// A tensor [B, Tq, H, D].
HeadsOut rows_of(const AttentionSizes& a, void* data) { return {data, a.Tq * a.H * a.D, a.D, a.H * a.D}; }

/// All inputs but the gradient and what the forward pass saves.
template <class A>
void add_inputs(CaseMemory& m, A& a) {
  a.window = std::min(a.window, a.Tk);
  a.scale = 1 / std::sqrt(a.D);
  a.site = 7;
  const Qkv x = lay_out(a, "", [&](const std::string& name, int64_t n) {
    return m.bench() ? m.input(name, a.dtype, n) : m.input(name, a.dtype, n, value);
  });
  a.q = read_only(x.q), a.k = read_only(x.k), a.v = read_only(x.v);
  if (a.position)
    a.position =
        m.input("position", DType::i32, 1, [&](Rng&, int64_t) { return static_cast<double>(a.Tk - a.Tq); });
  a.state =
      a.dropout > 0 ? state_input(m, {.seed = m.rng().next_u64(), .step = 3, .micro_step = 1}) : nullptr;
}

/// What the forward pass saves. A large case has plausible values, since computing them would take too long: normals
/// that shrink with the number of keys, and lse of scores that are standard normals. Otherwise they are computed, by
/// the reference or, in benchmarks, by the best rung.
void add_saved(CaseMemory& m, AttentionForward& f) {
  const int64_t n = rows(f);
  if (m.bench() && is_large(f)) {
    f.y = rows_of(f, m.input("y", f.dtype, n * f.D, Fill::normal, 2 / std::sqrt(f.Tk)));
    f.lse = m.input("lse", f.lse_dtype(), n, [&](Rng&, int64_t row) {
      return std::log(end_key(f, row % f.Tq) - first_key(f, row % f.Tq)) + 0.5;
    });
    return;
  }
  f.y = rows_of(f, m.input("y", f.dtype, n * f.D, Fill::zero));
  f.lse = m.input("lse", f.lse_dtype(), n, Fill::zero);
  if (!m.creates()) return;
  std::vector<double> scratch(static_cast<size_t>(f.Tk + f.D));
  m.bench() ? run(cpu(), f) : kernel<"reference">({.scratch = scratch.data()}, f);
  for (Operand& o : m.operands())
    o.initial.assign(o.data(), o.data() + static_cast<size_t>(o.n) * size_of(o.dtype));
}

Sketch like_forward(const AttentionForward& args) {
  return sketch_of(
      args, args.dtype, shape_of(args),
      [](CaseMemory& m, AttentionForward& a) {
        const double tolerance = tolerance_of(a.dtype);
        add_inputs(m, a);
        a.y = rows_of(a, m.output("y", a.dtype, rows(a) * a.D, tolerance));
        // Scores are summed and stored in float32 for bf16 too, so lse is not rounded to bf16.
        a.lse = m.output("lse", a.lse_dtype(), rows(a), std::min(tolerance, 5e-6));
      },
      excerpts_of);
}

Sketch like_backward(const AttentionBackward& args) {
  return sketch_of(
      args, args.dtype, shape_of(args) + name_of(args.to_dq),
      [](CaseMemory& m, AttentionBackward& a) {
        add_inputs(m, a);
        AttentionForward f{a, a.q, a.k, a.v, {}, {}};
        add_saved(m, f);
        a.y = read_only(f.y), a.lse = f.lse;
        a.dy = read_only(rows_of(a, m.input("dy", a.dtype, rows(a) * a.D)));
        const Qkv d = lay_out(a, "d", [&](const std::string& name, int64_t n) {
          return m.output(name, a.dtype, n,
                          a.dtype == DType::bf16 ? bf16_gradient_tolerance : 4 * tolerance_of(a.dtype));
        });
        a.dq = d.q, a.dk = d.k, a.dv = d.v;
      },
      excerpts_of);
}

struct Size {
  int64_t B, H, Tq, Tk, D;
  double dropout = 0;
  int64_t Hkv = H, window = Tk;
  int64_t capacity = 0;  ///< more than 0: device memory has the number of keys
};

AttentionSizes sizes_of(const Size& s, DType t) {
  AttentionSizes a{t, s.B, s.H, s.Hkv, s.Tq, s.Tk, s.D, s.window, 1, s.dropout, {}, {}};
  if (s.capacity > 0) a.position = wanted, a.capacity = s.capacity;
  return a;
}

/// "BxHxTQxTKxD", optionally followed by "xHKVxWINDOW" for grouped queries and a window, and then by
/// "xPERCENT" for dropout.
Size parse_size(const std::string& text) {
  if (std::count(text.begin(), text.end(), 'x') <= 4) {
    const auto s = parse_sizes(text, 5, "BxHxTQxTKxD");
    return {s[0], s[1], s[2], s[3], s[4]};
  }
  const bool dropout = std::count(text.begin(), text.end(), 'x') > 6;
  const auto s = parse_sizes(text, dropout ? 8 : 7,
                             dropout ? "BxHxTQxTKxDxHKVxWINDOWxPERCENT" : "BxHxTQxTKxDxHKVxWINDOW");
  require(s[1] % s[5] == 0, "shape \"", text, "\": the number of key heads, ", s[5],
          ", does not divide the number of heads, ", s[1]);
  const double dropped = dropout ? static_cast<double>(s[7]) / 100 : 0;
  require(dropped < 1, "shape \"", text, "\": a dropout of ", s[7], " percent; expected less than 100");
  return {s[0], s[1], s[2], s[3], s[4], dropped, s[5], std::min(s[6], s[3])};
}

/// Small sizes around vectors (w lanes) and blocks of 2 w queries and 64 keys.
std::vector<Size> test_sizes(int64_t w) {
  std::vector<Size> sizes{{1, 1, 1, 1, 1}, {2, 3, 7, 7, 5}, {1, 2, 64 + w, 64 + w, 8}};
  for (const int64_t D : sizes_around(static_cast<int>(w))) sizes.push_back({1, 2, 2 * w + 3, 2 * w + 3, D});
  for (const int64_t T : sizes_around(static_cast<int>(w))) sizes.push_back({2, 1, T, T, 12});
  for (const int64_t Tk : {w + 1, 9 * w, 2 * w + 70}) {
    sizes.push_back({1, 2, 1, Tk, 16});
    sizes.push_back({2, 2, w - 1, Tk, 17});
  }
  sizes.push_back({1, 2, 4 * w, 4 * w, 16, 0.25});
  sizes.push_back({1, 3, 2 * w + 1, 2 * w + 1, 9, 0.5});
  sizes.push_back({2, 2, 3, 70, 9, 0.1});
  // Few queries and many keys, which blocks of a GPU share.
  sizes.push_back({1, 2, 1, 300, 16});
  sizes.push_back({2, 4, 2, 150, 12, 0, 4, 140});
  sizes.push_back({1, 6, 3, 200, 24, 0, 2});
  sizes.push_back({1, 9, 1, 140, 40, 0, 1, 130});
  // The same, with the number of keys in device memory.
  sizes.push_back({2, 2, 1, 70, 16, 0, 2, 600, 600});
  sizes.push_back({1, 4, 2, 201, 8, 0, 1, 150, 400});
  // Head sizes of real models.
  sizes.push_back({1, 2, 67, 67, 40});
  sizes.push_back({1, 1, 3, 70, 100});
  // Grouped queries, windows, both.
  sizes.push_back({2, 4, w + 3, w + 3, 9, 0, 2});
  sizes.push_back({1, 6, w, 5 * w, 8, 0, 1});
  sizes.push_back({9, 4, 2 * w, 2 * w, 5, 0, 2});  // enough key heads for one item of work each
  for (const int64_t window : {int64_t{2}, w - 1, 2 * w, 64 + w}) {  // at 1, dp - dy . y is all rounding
    if (window < 2) continue;
    sizes.push_back({1, 2, 80 + 3 * w, 80 + 3 * w, 7, 0, 2, window});
    sizes.push_back({1, 4, w + 5, 9 * w + 5, 16, 0.3, 2, window});
  }
  return sizes;
}

}  // namespace

Cases attention_cases(const CaseRequest& request) {
  if (request.dtype != DType::f32 && request.dtype != DType::f64 && request.dtype != DType::bf16) return {};
  std::vector<Size> sizes;
  if (!request.shape.empty()) {
    sizes.push_back(parse_size(request.shape));
    require(sizes[0].Tq <= sizes[0].Tk, "shape \"", request.shape,
            "\" has more queries than keys; expected as many or fewer");
  } else if (request.bench) {
    sizes = {{12, 4, 64, 64, 32},     {4, 12, 64, 64, 64},           {4, 12, 64, 64, 64, 0.1},
             {1, 12, 1024, 1024, 64}, {1, 12, 1024, 1024, 64, 0, 4}, {1, 12, 1024, 1024, 64, 0, 12, 256},
             {1, 12, 1, 1024, 64}};
  } else {
    sizes = test_sizes(request.width);
  }
  Cases cases;
  for (const Size& s : sizes) {
    const AttentionSizes of_case = sizes_of(s, request.dtype);
    cases.push_back(like_forward({of_case, {}, {}, {}, {}, {}}).make(request));
    if (s.capacity > 0) continue;  // decoding, without gradients
    for (const Write write : {Write::set, Write::add})
      if (write == Write::set || !request.bench)
        cases.push_back(
            like_backward({of_case, {}, {}, {}, {}, {}, {}, {}, {}, {}, write, write, write}).make(request));
  }
  return cases;
}

Sketch attention_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn

#include <algorithm>
#include <cmath>
#include <set>

#include "kernels/attention/abi.h"
#include "kernels/attention/plain.h"
#include "kernels/contract/case.h"
#include "kernels/devices/devices.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<AttentionForward> =
    std::tuple{&AttentionForward::state,
               &AttentionForward::position,
               &AttentionForward::lse,
               &pointer_of<&AttentionForward::q, AttentionForward>,
               &pointer_of<&AttentionForward::k, AttentionForward>,
               &pointer_of<&AttentionForward::v, AttentionForward>,
               &pointer_of<&AttentionForward::y, AttentionForward>};
template <>
inline constexpr auto pointers_in<AttentionBackward> =
    std::tuple{&AttentionBackward::state,
               &AttentionBackward::lse,
               &pointer_of<&AttentionBackward::q, AttentionBackward>,
               &pointer_of<&AttentionBackward::k, AttentionBackward>,
               &pointer_of<&AttentionBackward::v, AttentionBackward>,
               &pointer_of<&AttentionBackward::y, AttentionBackward>,
               &pointer_of<&AttentionBackward::dy, AttentionBackward>,
               &pointer_of<&AttentionBackward::dq, AttentionBackward>,
               &pointer_of<&AttentionBackward::dk, AttentionBackward>,
               &pointer_of<&AttentionBackward::dv, AttentionBackward>};

namespace {

struct Size {
  int64_t B, H, Tq, Tk, D;
  double dropout = 0;
  int64_t Hkv = H, window = Tk;
  int64_t capacity = 0;  ///< more than 0: device memory has the number of keys
};

void* offset(void* base, DType t, int64_t elements) {
  return static_cast<uint8_t*>(base) + static_cast<size_t>(elements) * size_of(t);
}
Heads read_only(const HeadsOut& h) { return {h.data, h.batch, h.head, h.row}; }

struct Qkv {
  HeadsOut q, k, v;
};

/// q, k, v or their gradients; `make(name, n)` allocates a buffer. Packed [B, T, (H + 2 Hkv) D] when Tq = Tk,
/// as in training; otherwise q [B, H, Tq, D] and a cache [B, Hkv, Tk, D].
template <class Make>
Qkv lay_out(const Size& s, DType t, const std::string& prefix, const Make& make) {
  if (s.Tq == s.Tk) {
    const int64_t row = (s.H + 2 * s.Hkv) * s.D;
    void* qkv = make(prefix + "qkv", s.B * s.Tq * row);
    const auto from_head = [&](int64_t h) { return HeadsOut{offset(qkv, t, h * s.D), s.Tq * row, s.D, row}; };
    return {from_head(0), from_head(s.H), from_head(s.H + s.Hkv)};
  }
  const auto heads = [&](const char* name, int64_t H, int64_t T) {
    return HeadsOut{make(prefix + name, s.B * H * T * s.D), H * T * s.D, T * s.D, s.D};
  };
  return {heads("q", s.H, s.Tq), heads("k", s.Hkv, s.Tk), heads("v", s.Hkv, s.Tk)};
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

/// Whether a case is checked on excerpts.
bool is_large(const AttentionSizes& a, bool bench) {
  return bench && a.B * a.H * a.Tq * a.Tk * a.D >= int64_t{1} << 24;
}

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
std::vector<Excerpt<AttentionForward>> excerpts_of(const AttentionForward& a, bool bench) {
  std::vector<Excerpt<AttentionForward>> queries;
  if (!is_large(a, bench)) return queries;
  for (const int64_t row : checked_rows(a.B * a.H, a.Tq, a.Tk))
    queries.push_back({a, attention_reference_query, row});
  return queries;
}

/// The gradients of single queries and of single keys.
std::vector<Excerpt<AttentionBackward>> excerpts_of(const AttentionBackward& a, bool bench) {
  std::vector<Excerpt<AttentionBackward>> gradients;
  if (!is_large(a, bench)) return gradients;
  for (const int64_t row : checked_rows(a.B * a.H, a.Tq, a.Tk))
    gradients.push_back({a, attention_reference_query, row});
  for (const int64_t row : checked_rows(a.B * a.Hkv, a.Tk, a.Tq * (a.H / a.Hkv)))
    gradients.push_back({a, attention_reference_key, row});
  return gradients;
}

class Builder {
 public:
  Builder(const CaseRequest& request, const Size& s)
      : request_(request),
        s_(s),
        t_(request.dtype),
        tolerance_(t_ == DType::f64    ? 1e-13
                   : t_ == DType::bf16 ? bf16_tolerance
                                       : 5e-6) {}

  std::string shape() const {
    std::string text = sizes_text({s_.B, s_.H, s_.Tq, s_.Tk, s_.D});
    if (s_.Hkv != s_.H || s_.window != s_.Tk) text += "x" + sizes_text({s_.Hkv, s_.window});
    if (s_.capacity > 0) text += " of " + std::to_string(s_.capacity);
    return text + (s_.dropout > 0 ? " dropout" : "");
  }

  std::unique_ptr<Case> forward() const {
    CaseMemory m(request_.seed);
    AttentionForward a = inputs(m);
    a.y = rows_of(m.output("y", t_, rows() * s_.D, tolerance_));
    // Scores are summed and stored in float32 for bf16 too, so lse is not rounded to bf16.
    a.lse = m.output("lse", a.lse_dtype(), rows(), std::min(tolerance_, 5e-6));
    return std::make_unique<CaseOf<AttentionForward>>(std::move(m), shape(), t_, a,
                                                      excerpts_of(a, request_.bench));
  }

  std::unique_ptr<Case> backward(Write write) const {
    CaseMemory m(request_.seed);
    AttentionForward f = inputs(m);
    save(m, f);
    AttentionBackward a{f, f.q, f.k, f.v, {}, {}, {}, {}, {}, {}, write, write, write};
    a.y = read_only(f.y);
    a.lse = f.lse;
    a.dy = read_only(rows_of(m.input("dy", t_, rows() * s_.D)));
    const Qkv d = lay_out(s_, t_, "d", [&](const std::string& name, int64_t count) {
      return m.output(name, t_, count, t_ == DType::bf16 ? bf16_gradient_tolerance : 4 * tolerance_);
    });
    a.dq = d.q, a.dk = d.k, a.dv = d.v;
    return std::make_unique<CaseOf<AttentionBackward>>(
        std::move(m), shape() + (write == Write::add ? " add" : ""), t_, a, excerpts_of(a, request_.bench));
  }

 private:
  int64_t rows() const { return s_.B * s_.H * s_.Tq; }
  /// A tensor [B, Tq, H, D].
  HeadsOut rows_of(void* data) const { return {data, s_.Tq * s_.H * s_.D, s_.D, s_.H * s_.D}; }

  /// What the forward pass saves. A large case has plausible values, since computing them would take too long: normals
  /// that shrink with the number of keys, and lse of scores that are standard normals. Otherwise they are computed, by
  /// the reference or, in benchmarks, by the best rung.
  void save(CaseMemory& m, AttentionForward& f) const {
    if (is_large(f, request_.bench)) {
      f.y = rows_of(m.input("y", t_, rows() * s_.D, Fill::normal, 2 / std::sqrt(s_.Tk)));
      f.lse = m.input("lse", f.lse_dtype(), rows(), [&](Rng&, int64_t row) {
        return std::log(end_key(f, row % f.Tq) - first_key(f, row % f.Tq)) + 0.5;
      });
      return;
    }
    f.y = rows_of(m.input("y", t_, rows() * s_.D, Fill::zero));
    f.lse = m.input("lse", f.lse_dtype(), rows(), Fill::zero);
    std::vector<double> scratch(static_cast<size_t>(s_.Tk + s_.D));
    request_.bench ? run(cpu(), f) : kernel<"reference">({.scratch = scratch.data()}, f);
    for (Operand& o : m.operands())
      o.initial.assign(o.data(), o.data() + static_cast<size_t>(o.n) * size_of(o.dtype));
  }

  AttentionForward inputs(CaseMemory& m) const {
    AttentionForward a{};
    static_cast<AttentionSizes&>(a) = {.dtype = t_,
                                       .B = s_.B,
                                       .H = s_.H,
                                       .Hkv = s_.Hkv,
                                       .Tq = s_.Tq,
                                       .Tk = s_.Tk,
                                       .D = s_.D,
                                       .window = s_.window,
                                       .scale = 1 / std::sqrt(s_.D),
                                       .dropout = s_.dropout,
                                       .state = nullptr,
                                       .site = 7};
    const Qkv x = lay_out(s_, t_, "", [&](const std::string& name, int64_t n) {
      return request_.bench ? m.input(name, t_, n) : m.input(name, t_, n, value);
    });
    a.q = read_only(x.q), a.k = read_only(x.k), a.v = read_only(x.v);
    if (s_.capacity > 0) {
      a.position = static_cast<const int32_t*>(m.input(
          "position", DType::i32, 1, [&](Rng&, int64_t) { return static_cast<double>(s_.Tk - s_.Tq); }));
      a.capacity = s_.capacity;
    }
    if (s_.dropout > 0) {
      const StepState state{.seed = request_.seed * 0x9E3779B97F4A7C15u, .step = 3, .micro_step = 1};
      a.state = static_cast<const StepState*>(
          m.input("state", DType::u8, sizeof state,
                  [&](Rng&, int64_t i) -> double { return reinterpret_cast<const uint8_t*>(&state)[i]; }));
    }
    return a;
  }

  const CaseRequest& request_;
  Size s_;
  DType t_;
  double tolerance_;
};

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

/// Packed as in training where Tq = Tk, whatever the layout of the launch.
Size size_of_launch(const AttentionSizes& a) {
  return {a.B, a.H, a.Tq, a.Tk, a.D, a.dropout, a.Hkv, std::min(a.window, a.Tk), a.position ? a.capacity : 0};
}

Sketch like_forward(const AttentionForward& a) {
  const CaseRequest request{.dtype = a.dtype, .bench = true};
  const Size size = size_of_launch(a);
  return {Builder(request, size).shape(), a.dtype, [=] { return Builder(request, size).forward(); }};
}

Sketch like_backward(const AttentionBackward& a) {
  const CaseRequest request{.dtype = a.dtype, .bench = true};
  const Size size = size_of_launch(a);
  return {Builder(request, size).shape() + name_of(a.to_dq), a.dtype,
          [=, write = a.to_dq] { return Builder(request, size).backward(write); }};
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
    const Builder builder(request, s);
    cases.push_back(builder.forward());
    if (s.capacity > 0) continue;  // decoding, without gradients
    cases.push_back(builder.backward(Write::set));
    if (!request.bench) cases.push_back(builder.backward(Write::add));
  }
  return cases;
}

Sketch attention_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_forward, like_backward);
}

}  // namespace hewn

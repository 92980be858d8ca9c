#include <cmath>

#include "kernels/attention/abi.h"
#include "kernels/attention/ref.h"
#include "kernels/case.h"

namespace hewn {
namespace {

struct Size {
  int64_t B, H, Tq, Tk, D;
  double dropout = 0;
};

/// Packed [B, T, 3C] when Tq = Tk, as in training; otherwise q [B, H, Tq, D] against a cache [B, H, Tk, D].
struct Layout {
  int64_t q_numel, kv_numel;  ///< of the buffers; packed: all in q's
  bool packed;
  explicit Layout(const Size& s)
      : q_numel(s.B * s.H * s.Tq * s.D * (s.Tq == s.Tk ? 3 : 1)),
        kv_numel(s.Tq == s.Tk ? 0 : s.B * s.H * s.Tk * s.D),
        packed(s.Tq == s.Tk) {}
};

void* offset(void* base, DType t, int64_t elements) {
  return static_cast<uint8_t*>(base) + static_cast<size_t>(elements) * size_of(t);
}
Heads read_only(const HeadsOut& h) { return {h.data, h.batch, h.head, h.row}; }

struct Qkv {
  HeadsOut q, k, v;
};

/// q, k, v or their gradients; `make(name, n)` makes a buffer.
template <class Make>
Qkv lay_out(const Size& s, DType t, const char* prefix, const Make& make) {
  const Layout layout(s);
  const std::string d = prefix;
  const int64_t C = s.H * s.D;
  if (layout.packed) {
    void* qkv = make(d + "qkv", layout.q_numel);
    const auto part = [&](int64_t i) { return HeadsOut{offset(qkv, t, i * C), s.Tq * 3 * C, s.D, 3 * C}; };
    return {part(0), part(1), part(2)};
  }
  const auto heads = [&](void* data, int64_t T) { return HeadsOut{data, s.H * T * s.D, T * s.D, s.D}; };
  return {heads(make(d + "q", layout.q_numel), s.Tq), heads(make(d + "k", layout.kv_numel), s.Tk),
          heads(make(d + "v", layout.kv_numel), s.Tk)};
}

/// Normals with zeros, ties and outliers; the outliers are small enough that no softmax is all but one-hot,
/// where dp - dy . y cancels in any arithmetic.
double value(Rng& rng, int64_t i) {
  if (i % 31 == 7) return 0;
  if (i % 29 == 11) return 0.5;
  return (i % 97 == 13 ? 1.2 : 0.4) * rng.normal();
}

class Builder {
 public:
  Builder(const CaseRequest& request, const Size& s)
      : request_(request), s_(s), t_(request.dtype), tolerance_(t_ == DType::f64 ? 1e-13 : 5e-6) {}

  std::unique_ptr<Case> forward() const {
    CaseMemory m(request_.seed);
    AttentionForward a = inputs(m);
    a.y = rows_of(m.output("y", t_, rows() * s_.D, tolerance_));
    a.lse = m.output("lse", t_, rows(), tolerance_);
    return std::make_unique<CaseOf<AttentionForward>>(std::move(m), shape(), t_, a);
  }

  std::unique_ptr<Case> backward(Write write) const {
    CaseMemory m(request_.seed);
    AttentionForward f = inputs(m);
    // y and lse have to belong to the inputs: from the reference.
    f.y = rows_of(m.input("y", t_, rows() * s_.D, Fill::zero));
    f.lse = m.input("lse", t_, rows(), Fill::zero);
    std::vector<double> scratch(static_cast<size_t>(s_.Tk + s_.D));
    attention_reference({.scratch = scratch.data()}, f);
    for (Operand& o : m.operands())
      o.initial.assign(o.data(), o.data() + static_cast<size_t>(o.n) * size_of(o.dtype));
    AttentionBackward a{f, f.q, f.k, f.v, {}, {}, {}, {}, {}, {}, write, write, write};
    a.y = read_only(f.y);
    a.lse = f.lse;
    a.dy = read_only(rows_of(m.input("dy", t_, rows() * s_.D)));
    const Qkv d = lay_out(s_, t_, "d", [&](const std::string& name, int64_t count) {
      return m.output(name, t_, count, 4 * tolerance_);
    });
    a.dq = d.q, a.dk = d.k, a.dv = d.v;
    return std::make_unique<CaseOf<AttentionBackward>>(std::move(m),
                                                       shape() + (write == Write::add ? " add" : ""), t_, a);
  }

 private:
  int64_t rows() const { return s_.B * s_.H * s_.Tq; }
  std::string shape() const {
    std::string text;
    for (const int64_t n : {s_.B, s_.H, s_.Tq, s_.Tk, s_.D})
      text += (text.empty() ? "" : "x") + std::to_string(n);
    return text + (s_.dropout > 0 ? " dropout" : "");
  }
  /// A tensor [B, Tq, H, D].
  HeadsOut rows_of(void* data) const { return {data, s_.Tq * s_.H * s_.D, s_.D, s_.H * s_.D}; }

  AttentionForward inputs(CaseMemory& m) const {
    AttentionForward a{};
    static_cast<AttentionSizes&>(a) = {t_,         s_.B,    s_.H, s_.Tq, s_.Tk, s_.D, 1 / std::sqrt(s_.D),
                                       s_.dropout, nullptr, 7};
    const Qkv x = lay_out(s_, t_, "", [&](const std::string& name, int64_t n) {
      return request_.bench ? m.input(name, t_, n) : m.input(name, t_, n, value);
    });
    a.q = read_only(x.q), a.k = read_only(x.k), a.v = read_only(x.v);
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

/// Small sizes around vectors (w lanes) and the blocks of 2 w queries and 64 keys.
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
  return sizes;
}

}  // namespace

Cases attention_cases(const CaseRequest& request) {
  if (request.dtype != DType::f32 && request.dtype != DType::f64) return {};
  std::vector<Size> sizes;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 5, "BxHxTQxTKxD");
    require(s[2] <= s[3], "shape \"", request.shape, "\" has more queries than keys");
    sizes.push_back({s[0], s[1], s[2], s[3], s[4]});
  } else if (request.bench) {
    sizes = {{12, 4, 64, 64, 32},
             {4, 12, 64, 64, 64},
             {4, 12, 64, 64, 64, 0.1},
             {1, 12, 1024, 1024, 64},
             {1, 12, 1, 1024, 64}};
  } else {
    sizes = test_sizes(request.width);
  }
  Cases cases;
  for (const Size& s : sizes) {
    const Builder builder(request, s);
    cases.push_back(builder.forward());
    cases.push_back(builder.backward(Write::set));
    if (!request.bench) cases.push_back(builder.backward(Write::add));
  }
  return cases;
}

}  // namespace hewn

#include "kernels/contract/case.h"
#include "kernels/rotary/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<Rotary> =
    std::tuple{&pointer_of<&Rotary::x, Rotary>, &pointer_of<&Rotary::y, Rotary>, &Rotary::position};

namespace {

struct Size {
  int64_t B, T, H, D, rotated, start = 0;
  double base = 10000;
  bool on_device = false;  ///< whether device memory has the position
};

std::string text_of(RotaryPairs pairs, const Size& s, double direction, Write write) {
  return sizes_text({s.B, s.T, s.H, s.D}) + (pairs == RotaryPairs::half ? " half" : " interleaved") +
         (direction < 0 ? " back" : "") + name_of(write) + (s.on_device ? ", position on the device" : "");
}

/// x and y [B, T, H, D]; y [B, H, T, D] if all heads are rotated.
std::unique_ptr<Case> make(const CaseRequest& request, RotaryPairs pairs, const Size& s, double direction,
                           Write write) {
  const DType t = request.dtype;
  const int64_t n = s.B * s.T * s.H * s.D;
  const double tolerance = t == DType::f64 ? 1e-14 : t == DType::bf16 ? 4e-3 : 1e-6;
  CaseMemory m(request.seed);
  Rotary a{pairs, t, s.B, s.T, s.H, s.D, s.rotated, s.start, s.base, direction, {}, {}, write};
  a.x = {m.input("x", t, n), s.T * s.H * s.D, s.D, s.H * s.D};
  a.y = {m.output("y", t, n, tolerance, 1), s.T * s.H * s.D, s.D, s.H * s.D};
  if (s.on_device)
    a.position = static_cast<const int32_t*>(
        m.input("position", DType::i32, 1, [&](Rng&, int64_t) { return static_cast<double>(s.start); }));
  if (s.rotated == s.H) a.y.head = s.T * s.D, a.y.row = s.D;
  return std::make_unique<CaseOf<Rotary>>(std::move(m), text_of(pairs, s, direction, write), t, a);
}

/// Heads interleaved as in training, whatever the layout of the launch.
Sketch like_rotary(const Rotary& a) {
  const CaseRequest request{.dtype = a.dtype, .bench = true};
  const Size size{a.B, a.T, a.H, a.D, a.rotated, a.start, a.base, a.position != nullptr};
  return {text_of(a.pairs, size, a.direction, a.to_y), a.dtype,
          [=, pairs = a.pairs, direction = a.direction, write = a.to_y] {
            return make(request, pairs, size, direction, write);
          }};
}

}  // namespace

Cases rotary_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  std::vector<Size> sizes;
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 4, "BxTxHxD");
    require(s[3] % 2 == 0, "shape \"", request.shape, "\" has an odd D; expected an even one");
    sizes.push_back({s[0], s[1], s[2], s[3], s[2]});
  } else if (request.bench) {
    sizes = {{4, 64, 36, 64, 24}, {1, 1024, 36, 64, 24}, {1, 1, 36, 64, 24, 1000}};
  } else {
    for (const int64_t n : sizes_around(request.width)) sizes.push_back({1, 3, 2, 2 * n, 2, 5});
    for (const int64_t T : {1, 15, 16, 17, 70}) sizes.push_back({2, T, 5, 6, 3});
    sizes.push_back({1, 20, 3, 10, 2, 100000, 5e5});
    sizes.push_back({2, 1, 3, 8, 2, 77, 10000, true});
  }
  Cases cases;
  for (const RotaryPairs pairs : {RotaryPairs::half, RotaryPairs::interleaved})
    for (const Size& s : sizes) {
      cases.push_back(make(request, pairs, s, 1, Write::set));
      if (request.bench) continue;
      cases.push_back(make(request, pairs, s, -1, Write::set));
      cases.push_back(make(request, pairs, s, -1, Write::add));
    }
  return cases;
}

Sketch rotary_like(std::string_view op, const void* args) { return sketch_of_launch(op, args, like_rotary); }

}  // namespace hewn

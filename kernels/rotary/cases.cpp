#include "kernels/contract/case.h"
#include "kernels/rotary/abi.h"

namespace hewn {
namespace {

/// x and y [B, T, H, D] with heads interleaved as in training, whatever the layout of the launch; y [B, H, T, D] if all
/// heads are rotated.
Sketch like_rotary(const Rotary& args) {
  const bool on_device = args.position;  // whether device memory has the position
  const std::string shape = sizes_text({args.B, args.T, args.H, args.D}) +
                            (args.pairs == RotaryPairs::half ? " half" : " interleaved") +
                            (args.direction < 0 ? " back" : "") + name_of(args.to_y) +
                            (on_device ? ", position on the device" : "");
  return sketch_of(args, args.dtype, shape, [on_device](CaseMemory& m, Rotary& a) {
    const DType t = a.dtype;
    const int64_t n = a.B * a.T * a.H * a.D;
    const double tolerance = t == DType::f64 ? 1e-14 : t == DType::bf16 ? 4e-3 : 1e-6;
    a.x = {m.input("x", t, n), a.T * a.H * a.D, a.D, a.H * a.D};
    a.y = {m.output("y", t, n, tolerance, 1), a.T * a.H * a.D, a.D, a.H * a.D};
    if (on_device)
      a.position =
          m.input("position", DType::i32, 1, [&](Rng&, int64_t) { return static_cast<double>(a.start); });
    if (a.rotated == a.H) a.y.head = a.T * a.D, a.y.row = a.D;
  });
}

}  // namespace

Cases rotary_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  struct Size {
    int64_t B, T, H, D, rotated, start = 0;
    double base = 10000;
    bool on_device = false;
  };
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
      const auto add = [&](double direction, Write write) {
        cases.push_back(like_rotary({pairs,
                                     t,
                                     s.B,
                                     s.T,
                                     s.H,
                                     s.D,
                                     s.rotated,
                                     s.start,
                                     s.base,
                                     direction,
                                     {},
                                     {},
                                     write,
                                     s.on_device ? wanted : Place{}})
                            .make(request));
      };
      add(1, Write::set);
      if (request.bench) continue;
      add(-1, Write::set);
      add(-1, Write::add);
    }
  return cases;
}

Sketch rotary_like(std::string_view op, const void* args) { return sketch_of_launch(op, args, like_rotary); }

}  // namespace hewn

#include <algorithm>
#include <cmath>
#include <iterator>

#include "core/text.h"
#include "kernels/contract/case.h"
#include "kernels/optimizer/abi.h"

namespace hewn {
namespace {

const char* name_of(UpdateRule rule) {
  return rule == UpdateRule::adamw ? "adamw" : rule == UpdateRule::adam ? "adam" : "sgd";
}

/// Parameters [first, first + n).
ParameterUpdate parameters_of(ParameterUpdate a, int64_t first, int64_t n) {
  a.n = n;
  a.n_decayed = std::clamp<int64_t>(a.n_decayed - first, 0, n);
  a.w = shifted(a.w, a.dtype, first), a.g = shifted(a.g, a.dtype, first);
  a.m = shifted(a.m, a.dtype, first), a.v = shifted(a.v, a.dtype, first);
  a.w_bf16 = shifted(a.w_bf16, DType::bf16, first);
  return a;
}

/// The parts of a large case that are checked.
std::vector<Excerpt<ParameterUpdate>> excerpts_of(const ParameterUpdate& a) {
  if (a.n < int64_t{1} << 24) return {};
  return sampled_parts<ParameterUpdate>(a, a.n, 1024, 256, parameters_of);
}

/// "adamw 804096" if all parameters decay, "adamw 804096/803840" if only the first 803840 do.
Sketch like_update(const ParameterUpdate& args) {
  const std::string shape =
      join(name_of(args.rule), " ", args.n, args.n_decayed < args.n ? join("/", args.n_decayed) : "",
           args.w_bf16 ? " mixed" : "");
  return sketch_of(
      args, args.dtype, shape,
      [](CaseMemory& m, ParameterUpdate& a) {
        const DType t = a.dtype;
        const double tolerance = t == DType::f64 ? 1e-14 : 1e-6;
        a.beta1 = 0.9, a.beta2 = 0.99, a.eps = 1e-8, a.weight_decay = 0.1;
        a.state = state_input(m, {.step = 3, .learning_rate = 1e-2, .clip_factor = 0.7});
        a.w = m.output("w", t, a.n, tolerance, 1);
        a.g = m.input("g", t, a.n);
        a.m = m.output("m", t, a.n, tolerance, 1);
        a.v = m.output("v", t, a.n, tolerance, 1e-6, Fill::square);  // second moments are not negative
        // A float with an error in its last bit may round to the other bf16 neighbour.
        if (a.w_bf16) a.w_bf16 = m.output("w_bf16", DType::bf16, a.n_decayed, 1.0 / 256, 1);
      },
      excerpts_of);
}

/// All rungs must produce the same bits.
Sketch rounding(const StochasticRounding& args) {
  const std::string shape = join("round ", args.n, args.first > 0 ? join(" from ", args.first) : "");
  return sketch_of(args, DType::f32, shape, [](CaseMemory& m, StochasticRounding& a) {
    a.state = state_input(m, {.seed = m.rng().next_u64(), .step = 3});
    a.w = m.input("w", DType::f32, a.n, [](Rng& rng, int64_t i) {
      constexpr double special[] = {0.0, INFINITY, -INFINITY, NAN, 1.0, 3.4e38, 1e-40};
      return i % 11 == 5 ? special[static_cast<size_t>(i / 11) % std::size(special)] : rng.normal();
    });
    a.w_bf16 = m.output("w_bf16", DType::bf16, a.n, 0);
  });
}
Sketch like_rounding(const StochasticRounding& args) { return rounding({args.n, {}, {}, {}, 1}); }

}  // namespace

Cases optimizer_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.push_back(3 * 4096 + 5);
  if (request.bench) sizes = {804096, 38597376};  // a character model, GPT-2's token embedding
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  const auto update = [&](UpdateRule rule, int64_t n, int64_t n_decayed, void* w_bf16 = nullptr) {
    cases.push_back(
        like_update({rule, t, n, n_decayed, {}, {}, {}, {}, {}, {}, {}, {}, {}, w_bf16}).make(request));
  };
  const auto round = [&](int64_t n, int64_t first = 0) {
    cases.push_back(rounding({n, {}, {}, {}, 1, first}).make(request));
  };
  for (const int64_t n : sizes) {
    update(UpdateRule::adamw, n, n);
    if (t == DType::f32) update(UpdateRule::adamw, n, n, wanted), round(n);
    if (request.bench) continue;
    if (t == DType::f32) round(n, 4096);
    const int64_t part = (5 * n + 7) / 8;  // rarely a multiple of the vector length
    for (const UpdateRule rule : {UpdateRule::adamw, UpdateRule::adam, UpdateRule::sgd})
      update(rule, n, part);
    update(UpdateRule::adamw, n, 0);
    if (t == DType::f32) update(UpdateRule::adamw, n, part, wanted);
  }
  return cases;
}

Sketch optimizer_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_update, like_rounding);
}

}  // namespace hewn

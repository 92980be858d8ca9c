#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "core/error.h"
#include "kernels/contract/case.h"
#include "kernels/optimizer/abi.h"

namespace hewn {

template <>
inline constexpr auto pointers_in<ParameterUpdate> =
    std::tuple{&ParameterUpdate::w, &ParameterUpdate::g,     &ParameterUpdate::m,
               &ParameterUpdate::v, &ParameterUpdate::state, &ParameterUpdate::w_bf16};
template <>
inline constexpr auto pointers_in<StochasticRounding> =
    std::tuple{&StochasticRounding::w, &StochasticRounding::w_bf16, &StochasticRounding::state};

namespace {

const char* name_of(UpdateRule rule) {
  return rule == UpdateRule::adamw ? "adamw" : rule == UpdateRule::adam ? "adam" : "sgd";
}

/// "adamw 804096" if all parameters decay, "adamw 804096/803840" if only the first 803840 do.
std::string shape_of(UpdateRule rule, int64_t n, int64_t n_decayed, bool mixed) {
  const std::string decayed = n_decayed < n ? "/" + std::to_string(n_decayed) : "";
  return std::string(name_of(rule)) + " " + std::to_string(n) + decayed + (mixed ? " mixed" : "");
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

std::unique_ptr<Case> make_case(const CaseRequest& request, UpdateRule rule, int64_t n, int64_t n_decayed,
                                bool mixed = false) {
  const DType t = request.dtype;
  const double tolerance = t == DType::f64 ? 1e-14 : 1e-6;
  CaseMemory memory(request.seed);
  StepState state{.step = 3, .learning_rate = 1e-2, .clip_factor = 0.7};
  auto* at = memory.input("state", DType::u8, sizeof state, [&state](Rng&, int64_t i) {
    return static_cast<double>(reinterpret_cast<const uint8_t*>(&state)[i]);
  });
  auto* w = memory.output("w", t, n, tolerance, 1);
  const auto* g = memory.input("g", t, n);
  auto* m = memory.output("m", t, n, tolerance, 1);
  // Second moments are not negative: outputs start as normals, so replace these by their squares.
  auto* v = memory.output("v", t, n, tolerance);
  Operand& squares = memory.operands().back();
  for (size_t offset = 0; offset < squares.initial.size(); offset += size_of(t)) {
    const double x = squares.value(static_cast<int64_t>(offset / size_of(t)));
    const float narrow = static_cast<float>(x * x);
    const double wide = x * x;
    std::memcpy(squares.initial.data() + offset, t == DType::f64 ? static_cast<const void*>(&wide) : &narrow,
                size_of(t));
  }
  // A float with an error in its last bit may round to the other bf16 neighbour.
  auto* w_bf16 = mixed ? memory.output("w_bf16", DType::bf16, n_decayed, 1.0 / 256, 1) : nullptr;
  const ParameterUpdate update{
      rule, t, n, n_decayed, w, g, m, v, 0.9, 0.99, 1e-8, 0.1, static_cast<const StepState*>(at), w_bf16};
  auto made = std::make_unique<CaseOf<ParameterUpdate>>(
      std::move(memory), shape_of(rule, n, n_decayed, mixed), t, update,
      request.bench ? excerpts_of(update) : std::vector<Excerpt<ParameterUpdate>>{});
  made->reset();
  return made;
}

/// All rungs must produce the same bits.
std::unique_ptr<Case> make_rounding(const CaseRequest& request, int64_t n, int64_t first = 0) {
  CaseMemory memory(request.seed);
  const StepState* at = state_input(memory, {.seed = request.seed * 0x9E3779B97F4A7C15u, .step = 3});
  constexpr double special[] = {0.0, INFINITY, -INFINITY, NAN, 1.0, 3.4e38, 1e-40};
  const auto* w = memory.input("w", DType::f32, n, [&](Rng& rng, int64_t i) {
    return i % 11 == 5 ? special[static_cast<size_t>(i / 11) % std::size(special)] : rng.normal();
  });
  auto* w_bf16 = memory.output("w_bf16", DType::bf16, n, 0);
  const std::string shape = join("round ", n, first > 0 ? join(" from ", first) : "");
  return std::make_unique<CaseOf<StochasticRounding>>(std::move(memory), shape, DType::f32,
                                                      StochasticRounding{n, w, w_bf16, at, 1, first});
}

Sketch like_rounding(const StochasticRounding& a) {
  const CaseRequest request{.bench = true};
  return {"round " + std::to_string(a.n), DType::f32, [=, n = a.n] { return make_rounding(request, n); }};
}

Sketch like_update(const ParameterUpdate& a) {
  const CaseRequest request{.dtype = a.dtype, .bench = true};
  return {shape_of(a.rule, a.n, a.n_decayed, a.w_bf16 != nullptr), a.dtype,
          [=, rule = a.rule, n = a.n, n_decayed = a.n_decayed, mixed = a.w_bf16 != nullptr] {
            return make_case(request, rule, n, n_decayed, mixed);
          }};
}

}  // namespace

Cases optimizer_cases(const CaseRequest& request) {
  if (request.dtype != DType::f32 && request.dtype != DType::f64) return {};
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.push_back(3 * 4096 + 5);
  if (request.bench) sizes = {804096, 38597376};  // a character model, GPT-2's token embedding
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  for (const int64_t n : sizes) {
    cases.push_back(make_case(request, UpdateRule::adamw, n, n));
    if (request.dtype == DType::f32) {
      cases.push_back(make_case(request, UpdateRule::adamw, n, n, true));
      cases.push_back(make_rounding(request, n));
    }
    if (request.bench) continue;
    if (request.dtype == DType::f32) cases.push_back(make_rounding(request, n, 4096));
    const int64_t part = (5 * n + 7) / 8;  // rarely a multiple of the vector length
    cases.push_back(make_case(request, UpdateRule::adamw, n, part));
    cases.push_back(make_case(request, UpdateRule::adam, n, part));
    cases.push_back(make_case(request, UpdateRule::sgd, n, part));
    cases.push_back(make_case(request, UpdateRule::adamw, n, 0));
    if (request.dtype == DType::f32) cases.push_back(make_case(request, UpdateRule::adamw, n, part, true));
  }
  return cases;
}

Sketch optimizer_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_update, like_rounding);
}

}  // namespace hewn

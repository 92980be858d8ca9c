#include "kernels/contract/case.h"
#include "kernels/global_norm/abi.h"

namespace hewn {
namespace {

template <int i>
const void*& span(GlobalNorm& a) {
  return a.spans[i].data;
}

}  // namespace

template <>
inline constexpr auto pointers_in<GlobalNorm> =
    std::tuple{&GlobalNorm::state, &GlobalNorm::loss, &span<0>, &span<1>, &span<2>, &span<3>};
template <>
inline constexpr auto pointers_in<StepLoss> =
    std::tuple{&StepLoss::loss, &StepLoss::share, &StepLoss::state, &StepLoss::gradient, &StepLoss::sum};

namespace {

Sketch like_norm(const GlobalNorm& args) {
  int64_t n = 0;
  for (int i = 0; i < args.n_spans; ++i) n += args.spans[i].n;
  return sketch_of(args, args.dtype, sizes_text({n}), [](CaseMemory& m, GlobalNorm& a) {
    for (int i = 0; i < a.n_spans; ++i) a.spans[i].data = m.input("span", a.dtype, a.spans[i].n);
    a.state = static_cast<StepState*>(m.output("state", DType::f64, sizeof(StepState) / 8, 1e-12));
    if (a.loss) a.loss = static_cast<double*>(m.input("loss", DType::f64, 1));
  });
}

void fill_in(CaseMemory& m, StepLoss& a, bool refused) {
  a.loss = m.input("loss", a.dtype, 1);
  a.share = static_cast<double*>(m.input("share", DType::f64, 1));
  a.state = state_input(m, {.non_finite = refused});
  a.gradient = m.output("gradient", a.dtype, 1, 0);
  a.sum = static_cast<double*>(m.output("sum", DType::f64, 1, 1e-12));
}

void add_loss_cases(Cases& cases, const CaseRequest& request) {
  for (const Write write : {Write::set, Write::add})
    for (const bool refused : {false, true}) {
      CaseMemory memory(request.seed);
      StepLoss a{request.dtype, nullptr, nullptr, nullptr, nullptr, nullptr, write};
      fill_in(memory, a, refused);
      const std::string shape = std::string("1") + name_of(write) + (refused ? " refused" : "");
      cases.push_back(std::make_unique<CaseOf<StepLoss>>(std::move(memory), shape, request.dtype, a));
    }
}

Sketch like_loss(const StepLoss& args) {
  return sketch_of(args, args.dtype, sizes_text({1}),
                   [](CaseMemory& m, StepLoss& a) { fill_in(m, a, false); });
}

}  // namespace

Cases global_norm_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  std::vector<int64_t> sizes{1, 5, 8191, 8192, 8193, 40000};
  if (request.bench) sizes = {804096, 38597376};  // a character model, GPT-2's token embedding
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  for (const int64_t n : sizes) {
    CaseMemory memory(request.seed);
    const void* a = memory.input("decayed", t, n);
    const void* b = memory.input("rest", t, n / 3 + 1, Fill::normal, 1e3);
    // StepState is a row of 8-byte fields; those written are doubles except for the last, an integer 0 or 1,
    // which as a double is 0 for finite gradients.
    auto* state = memory.output("state", DType::f64, sizeof(StepState) / 8, 1e-12);
    cases.push_back(std::make_unique<CaseOf<GlobalNorm>>(
        std::move(memory), std::to_string(n), t,
        GlobalNorm{t, 2, {{a, n}, {b, n / 3 + 1}}, 1.0, static_cast<StepState*>(state)}));
  }
  if (!request.bench && request.shape.empty()) add_loss_cases(cases, request);
  return cases;
}

Sketch global_norm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_norm, like_loss);
}

}  // namespace hewn

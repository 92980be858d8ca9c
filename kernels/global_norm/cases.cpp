#include "kernels/contract/case.h"
#include "kernels/global_norm/abi.h"

namespace hewn {
template <>
inline constexpr auto pointers_in<BlockSquares> = std::tuple{&BlockSquares::g, &BlockSquares::sums};
template <>
inline constexpr auto pointers_in<GlobalNorm> =
    std::tuple{&GlobalNorm::sums, &GlobalNorm::state, &GlobalNorm::loss};
template <>
inline constexpr auto pointers_in<StepLoss> =
    std::tuple{&StepLoss::loss, &StepLoss::share, &StepLoss::state, &StepLoss::gradient, &StepLoss::sum};

namespace {

void fill_in(CaseMemory& m, BlockSquares& a) {
  a.g = m.input("g", a.dtype, a.n);
  a.sums = static_cast<double*>(m.output("sums", DType::f64, blocks_of_norm(a.n), 1e-12));
}

Sketch like_squares(const BlockSquares& args) {
  return sketch_of(args, args.dtype, sizes_text({args.n}), fill_in);
}

void fill_in_norm(CaseMemory& m, GlobalNorm& a) {
  const auto square = [](Rng& rng, int64_t) {
    const double x = rng.normal();
    return x * x;
  };
  a.sums = static_cast<double*>(m.input("sums", DType::f64, a.n_blocks, square));
  // StepState is a row of 8-byte fields; those written are doubles except for the last, an integer 0 or 1,
  // which as a double is 0 for finite gradients.
  a.state = static_cast<StepState*>(m.output("state", DType::f64, sizeof(StepState) / 8, 1e-12));
}

Sketch like_norm(const GlobalNorm& args) {
  return sketch_of(args, DType::f64, sizes_text({args.n_blocks}), [](CaseMemory& m, GlobalNorm& a) {
    fill_in_norm(m, a);
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
  std::vector<int64_t> sizes{1, 5, norm_block - 1, norm_block, norm_block + 1, 100'000};
  if (request.bench) sizes = {804096, 38597376};  // a character model, GPT-2's token embedding
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  for (const int64_t n : sizes) {
    CaseMemory memory(request.seed);
    BlockSquares a{t, n, nullptr, nullptr};
    fill_in(memory, a);
    cases.push_back(std::make_unique<CaseOf<BlockSquares>>(std::move(memory), std::to_string(n), t, a));
  }
  if (request.bench || !request.shape.empty()) return cases;
  for (const int64_t n : {1, 7, 1200}) {
    CaseMemory memory(request.seed);
    GlobalNorm a{n, nullptr, 1.0, nullptr};
    fill_in_norm(memory, a);
    cases.push_back(std::make_unique<CaseOf<GlobalNorm>>(std::move(memory), std::to_string(n), t, a));
  }
  add_loss_cases(cases, request);
  return cases;
}

Sketch global_norm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_squares, like_norm, like_loss);
}

}  // namespace hewn

#include "core/text.h"
#include "kernels/contract/case.h"
#include "kernels/global_norm/abi.h"

namespace hewn {
namespace {

Sketch like_squares(const BlockSquares& args) {
  return sketch_of(args, args.dtype, sizes_text({args.n}), [](CaseMemory& m, BlockSquares& a) {
    a.g = m.input("g", a.dtype, a.n);
    a.sums = m.output("sums", DType::f64, blocks_of_norm(a.n), 1e-12);
  });
}

Sketch like_norm(const GlobalNorm& args) {
  return sketch_of(args, DType::f64, sizes_text({args.n_blocks}), [](CaseMemory& m, GlobalNorm& a) {
    a.sums = m.input("sums", DType::f64, a.n_blocks, Fill::square);
    // StepState is a row of 8-byte fields; those written are doubles except for the last, an integer 0 or 1,
    // which as a double is 0 for finite gradients.
    a.state = m.output("state", DType::f64, sizeof(StepState) / 8, 1e-12);
    if (a.loss) a.loss = m.input("loss", DType::f64, 1);
  });
}

Sketch loss(const StepLoss& args, const std::string& shape, bool refused) {
  return sketch_of(args, args.dtype, shape, [refused](CaseMemory& m, StepLoss& a) {
    a.loss = m.input("loss", a.dtype, 1);
    a.share = m.input("share", DType::f64, 1);
    a.state = state_input(m, {.non_finite = refused});
    a.gradient = m.output("gradient", a.dtype, 1, 0);
    a.sum = m.output("sum", DType::f64, 1, 1e-12);
  });
}
Sketch like_loss(const StepLoss& args) { return loss(args, "1", false); }

}  // namespace

Cases global_norm_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64) return {};
  std::vector<int64_t> sizes{1, 5, norm_block - 1, norm_block, norm_block + 1, 100'000};
  if (request.bench) sizes = {804096, 38597376};  // a character model, GPT-2's token embedding
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  for (const int64_t n : sizes) cases.push_back(like_squares({t, n, {}, {}}).make(request));
  if (request.bench || !request.shape.empty()) return cases;
  for (const int64_t n : {1, 7, 1200}) cases.push_back(like_norm({n, {}, 1.0, {}}).make(request));
  for (const Write write : {Write::set, Write::add})
    for (const bool refused : {false, true})
      cases.push_back(
          loss({t, {}, {}, {}, {}, {}, write}, join("1", name_of(write), refused ? " refused" : ""), refused)
              .make(request));
  return cases;
}

Sketch global_norm_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_squares, like_norm, like_loss);
}

}  // namespace hewn

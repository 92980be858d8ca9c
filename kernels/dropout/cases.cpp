#include "kernels/contract/case.h"
#include "kernels/dropout/abi.h"

namespace hewn {
namespace {

Sketch sketch(const Dropout& args, const std::string& p) {
  return sketch_of(args, args.dtype, sizes_text({args.n}) + p + name_of(args.to_y),
                   [](CaseMemory& m, Dropout& a) {
                     a.state = state_input(m, {.seed = m.rng().next_u64(), .step = 1234, .micro_step = 3});
                     a.x = m.input("x", a.dtype, a.n);
                     // One operation on values of about 1.
                     a.y = m.output("y", a.dtype, a.n, a.dtype == DType::bf16 ? 4e-3 : 1e-7, 1);
                   });
}

Sketch like_dropout(const Dropout& args) { return sketch(args, " p=" + std::to_string(args.p).substr(0, 4)); }

}  // namespace

Cases dropout_cases(const CaseRequest& request) {
  const DType t = request.dtype;
  if (t != DType::f32 && t != DType::f64 && t != DType::bf16) return {};
  std::vector<int64_t> sizes = sizes_around(request.width);
  sizes.insert(sizes.end(), {63, 64, 65, 5000});
  if (request.bench) sizes = {768 * 128, 256 * 3072};
  if (!request.shape.empty()) sizes = parse_sizes(request.shape, 1, "N");
  Cases cases;
  for (const int64_t n : sizes)
    for (const double p : {0.1, 0.5})
      for (const Write write : {Write::set, Write::add})
        cases.push_back(sketch({t, n, p, 7, {}, {}, {}, write}, p == 0.5 ? " half" : " tenth").make(request));
  return cases;
}

Sketch dropout_like(std::string_view op, const void* args) {
  return sketch_of_launch(op, args, like_dropout);
}

}  // namespace hewn

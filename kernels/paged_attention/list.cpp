#include "kernels/contract/contract.h"
#include "kernels/paged_attention/abi.h"
#include "kernels/paged_attention/cost.h"
#include "kernels/paged_attention/work.h"

namespace hewn {
namespace {

constexpr const char* processors_only =
    "GPUs keep keys and values in one piece, which a captured launch can follow";

size_t reference_scratch(const PagedAttention& a, int) {
  return static_cast<size_t>(a.most_keys + a.pages.layout.D) * sizeof(double);
}
size_t simd_scratch(const PagedAttention& a, int threads) {
  return static_cast<size_t>(threads * PagedWork::floats(a)) * sizeof(float);
}

constexpr Rung<AppendToPages> append_rungs[] = {
    {scalar<"reference">, "one row of one head after the other"},
    {scalar<"threads">, "heads over threads"},
};

constexpr Rung<PagedAttention> attention_rungs[] = {
    {scalar<"reference">, "one row of scores at a time, in double", reference_scratch},
    {per_isa<"simd">,
     "few queries: keys in lanes, a page at a time; many: queries in lanes, as in attention.forward",
     simd_scratch},
};

constexpr Ladder<AppendToPages> append_ladder{
    .op = "paged_attention.append", .rungs = append_rungs, .cost = cost_of, .why_no_gpu = processors_only};
constexpr Ladder<PagedAttention> attention_ladder{.op = "paged_attention",
                                                  .rungs = attention_rungs,
                                                  .cost = cost_of,
                                                  .needs = needs_of,
                                                  .why_no_gpu = processors_only};

}  // namespace

const Ladder<AppendToPages>& ladder_of(const AppendToPages&) { return append_ladder; }
const Ladder<PagedAttention>& ladder_of(const PagedAttention&) { return attention_ladder; }

}  // namespace hewn

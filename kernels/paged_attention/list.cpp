#include "kernels/contract/contract.h"
#include "kernels/paged_attention/abi.h"
#include "kernels/paged_attention/work.h"

namespace hewn {
namespace {

/// Reads float32, writes the format; a comparison and a product per element.
Cost cost_of(const AppendToPages& a) {
  const PageLayout& layout = a.pages.layout;
  const auto rows = static_cast<double>(a.B * a.T * layout.Hkv);
  return {4 * rows * static_cast<double>(layout.D),
          rows * (2 * static_cast<double>(layout.D) * sizeof(float) +
                  static_cast<double>(layout.head_bytes()) / page_tokens)};
}

/// Pairs of a query and a key that it attends to, over all heads, if all sequences were as long as the longest.
double visible_pairs(const PagedAttention& a) {
  double pairs = 0;
  for (int64_t i = 0; i < a.T; ++i) {
    const int64_t keys = a.most_keys - a.T + i + 1;
    pairs += static_cast<double>(keys < a.window ? keys : a.window);
  }
  return static_cast<double>(a.B * a.H) * pairs;
}

/// As of AttentionForward; keys and values are read once, in their format.
Cost cost_of(const PagedAttention& a) {
  const PageLayout& layout = a.pages.layout;
  const int64_t seen = a.T + a.window - 1 < a.most_keys ? a.T + a.window - 1 : a.most_keys;
  const auto queries = static_cast<double>(a.B * a.H * a.T * layout.D);
  return {visible_pairs(a) * (4 * static_cast<double>(layout.D) + 11),
          2 * queries * sizeof(float) +
              static_cast<double>(a.B * seen * layout.bytes()) / static_cast<double>(page_tokens)};
}

/// One exponential per visible pair.
Needs needs_of(const PagedAttention& a) { return {.exps = visible_pairs(a)}; }

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

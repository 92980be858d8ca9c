#include <algorithm>

#include "kernels/contract/contract.h"
#include "kernels/qmatmul/cost.h"
#include "kernels/qmatmul/kernels.h"

namespace hewn {
namespace {

constexpr const char* encoded_on_processors = "blocks are encoded on CPUs only";

template <class Args>
const char* usual_formats_only(const Args& a) {
  return multiplied_as_they_are(a.format) ? nullptr : "q8_0, q4_0, q5_0, q4_k, q5_k and q6_k only";
}

/// Instruction sets without panels arrange rows of x for any number of these.
size_t bytes_of_simd(const QMatmul& a, int threads) {
  const int64_t columns = threads * padded_cols(a.K);
  const size_t panels = static_cast<size_t>(columns / quantised_block) * panel_group_bytes;
  const size_t rows =
      static_cast<size_t>(columns / quantised_chunk * std::min(a.M, near_rows)) * near_chunk_bytes;
  return std::max(a.M < panels_from ? 0 : panels, rows);
}

constexpr Rung<QuantizeRows> quantize_rungs[] = {
    {.name = "reference",
     .idea = "one element at a time",
     .run = scalar<QuantizeRows>(quantize_rows_reference)},
    {.name = "simd",
     .idea = "vectors along each block, chunks of blocks over threads",
     .run = per_isa<QuantizeRows>([]<Isa I>() { return quantize_rows_simd<I>; })},
    {.name = "cuda",
     .idea = "a warp per block of 32, its extreme found by shuffles",
     .run = per_gpu<QuantizeRows>([]<Isa I>() -> KernelFn<QuantizeRows> { return quantize_rows_gpu<I>; })},
};

constexpr Rung<QMatmul> product_rungs[] = {
    {.name = "reference",
     .idea = "one product in double per element, of numbers widened one by one",
     .run = scalar<QMatmul>(qmatmul_reference)},
    {.name = "widen",
     .idea = "each row of W widened to floats once, then multiplied by all rows of x",
     .run = scalar<QMatmul>(qmatmul_widen),
     .scratch_bytes = [](const QMatmul& a,
                         int threads) { return static_cast<size_t>(threads * a.K) * sizeof(float); }},
    {.name = "integers",
     .idea = "bytes times bytes: exact sums, which meet their scales once per group",
     .run = scalar<QMatmul>(qmatmul_integers),
     .scratch_bytes = [](const QMatmul& a,
                         int threads) { return static_cast<size_t>(threads * a.M) * sizeof(float); }},
    {.name = "simd",
     .idea = "blocks opened in registers, 32 products per instruction or two, eight sums per scale vector",
     .run = per_isa<QMatmul>([]<Isa I>() { return qmatmul_simd<I>; }),
     .why_not = usual_formats_only<QMatmul>,
     .scratch_bytes = bytes_of_simd},
    {.name = "vnni",
     .idea = "one instruction multiplies four bytes in each lane and adds the products",
     .run = per_isa<QMatmul, vnni_isas>([]<Isa I>() { return qmatmul_vnni<I>; }),
     .why_not = usual_formats_only<QMatmul>,
     .scratch_bytes = bytes_of_simd},
    {.name = "cuda",
     .idea = "a warp per row of W, eight elements per lane: two instructions multiply four bytes each",
     .run = per_gpu<QMatmul>([]<Isa I>() -> KernelFn<QMatmul> { return qmatmul_gpu<I>; }),
     .why_not = usual_formats_only<QMatmul>},
};

constexpr Rung<EncodeBlocks> encode_rungs[] = {
    {.name = "reference",
     .idea = "one group of elements after the other, each candidate scale measured",
     .run = scalar<EncodeBlocks>(encode_blocks_reference),
     .why_not = usual_formats_only<EncodeBlocks>},
    {.name = "simd",
     .idea = "a group per lane of transposed blocks, 16 groups at a time",
     .run = per_isa<EncodeBlocks>([]<Isa I>() { return encode_blocks_simd<I>; }),
     .why_not = usual_formats_only<EncodeBlocks>},
};

constexpr Rung<WidenRows> row_rungs[] = {
    {.name = "reference",
     .idea = "each block of a row opened and widened",
     .run = scalar<WidenRows>(widen_rows_reference)},
    {.name = "threads", .idea = "rows over threads", .run = scalar<WidenRows>(widen_rows_threads)},
    {.name = "cuda",
     .idea = "a block of threads per row, eight elements per thread",
     .run = per_gpu<WidenRows>([]<Isa I>() -> KernelFn<WidenRows> { return widen_rows_gpu<I>; }),
     .why_not = usual_formats_only<WidenRows>},
};

constexpr Ladder<QuantizeRows> quantize_ladder{
    .op = "qmatmul.quantize", .rungs = quantize_rungs, .cost = cost_of};
constexpr Ladder<QMatmul> product_ladder{.op = "qmatmul", .rungs = product_rungs, .cost = cost_of};
constexpr Ladder<EncodeBlocks> encode_ladder{
    .op = "qmatmul.encode", .rungs = encode_rungs, .cost = cost_of, .why_no_gpu = encoded_on_processors};
constexpr Ladder<WidenRows> row_ladder{.op = "qmatmul.rows", .rungs = row_rungs, .cost = cost_of};

}  // namespace

const Ladder<QuantizeRows>& ladder_of(const QuantizeRows&) { return quantize_ladder; }
const Ladder<QMatmul>& ladder_of(const QMatmul&) { return product_ladder; }
const Ladder<WidenRows>& ladder_of(const WidenRows&) { return row_ladder; }
const Ladder<EncodeBlocks>& ladder_of(const EncodeBlocks&) { return encode_ladder; }

}  // namespace hewn

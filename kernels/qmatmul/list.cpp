#include <algorithm>

#include "kernels/contract/contract.h"
#include "kernels/qmatmul/abi.h"
#include "kernels/qmatmul/cost.h"

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
    {scalar<"reference">, "one element at a time"},
    {per_isa<"simd">, "vectors along each block, chunks of blocks over threads"},
    {per_gpu<"cuda">, "a warp per block of 32, its extreme found by shuffles"},
};

constexpr Rung<QMatmul> product_rungs[] = {
    {scalar<"reference">, "one product in double per element, of numbers widened one by one"},
    {scalar<"widen">, "each row of W widened to floats once, then multiplied by all rows of x",
     [](const QMatmul& a, int threads) { return static_cast<size_t>(threads * a.K) * sizeof(float); }},
    {scalar<"integers">, "bytes times bytes: exact sums, which meet their scales once per group",
     [](const QMatmul& a, int threads) { return static_cast<size_t>(threads * a.M) * sizeof(float); }},
    {per_isa<"simd">,
     "blocks opened in registers, 32 products per instruction or two, eight sums per scale vector",
     usual_formats_only, bytes_of_simd},
    {per_isa<"vnni", vnni_isas>, "one instruction multiplies four bytes in each lane and adds the products",
     usual_formats_only, bytes_of_simd},
    {per_gpu<"cuda">,
     "a warp per row of W, eight elements per lane: two instructions multiply four bytes each",
     usual_formats_only},
};

constexpr Rung<EncodeBlocks> encode_rungs[] = {
    {scalar<"reference">, "one group of elements after the other, each candidate scale measured",
     usual_formats_only},
    {per_isa<"simd">, "a group per lane of transposed blocks, 16 groups at a time", usual_formats_only},
};

constexpr Rung<WidenRows> row_rungs[] = {
    {scalar<"reference">, "each block of a row opened and widened"},
    {scalar<"threads">, "rows over threads"},
    {per_gpu<"cuda">, "a block of threads per row, eight elements per thread", usual_formats_only},
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

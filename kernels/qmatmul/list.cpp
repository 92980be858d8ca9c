#include <algorithm>

#include "kernels/contract/contract.h"
#include "kernels/qmatmul/abi.h"

namespace hewn {
namespace {

/// Bytes of a quantised row: its integers, and scale and sum of every block.
double quantised_row_bytes(int64_t cols) {
  const auto blocks = static_cast<double>(cols / quantised_block);
  return blocks * static_cast<double>(quantised_block + sizeof(float) + sizeof(int32_t));
}

/// Per element: a comparison, a multiplication, a sum.
Cost cost_of(const QuantizeRows& a) {
  const auto rows = static_cast<double>(a.rows), cols = static_cast<double>(a.cols);
  return {3 * rows * cols, rows * (cols * sizeof(float) + quantised_row_bytes(a.cols))};
}

/// 2 M N K. Reads the blocks of W, the quantised rows and the bias once; writes y.
Cost cost_of(const QMatmul& a) {
  const auto M = static_cast<double>(a.M), N = static_cast<double>(a.N), K = static_cast<double>(a.K);
  const BlockFormat& format = format_of(a.format);
  const double of_w = N * static_cast<double>(a.K / format.elements) * format.bytes;
  return {2 * M * N * K, of_w + M * quantised_row_bytes(a.K) +
                             ((a.bias ? N : 0) + M * N) * static_cast<double>(sizeof(float))};
}

/// Reads the ids and their rows, writes y; no arithmetic counts but a product per element.
Cost cost_of(const WidenRows& a) {
  const auto n = static_cast<double>(a.n), cols = static_cast<double>(a.cols);
  const BlockFormat& format = format_of(a.format);
  return {n * cols, n * (sizeof(int32_t) + cols / format.elements * format.bytes + cols * sizeof(float))};
}

/// Some 10 operations for each element and each of about 48 candidates (encode/search.h), as if each were measured to
/// the end. Reads x once; writes the blocks.
Cost cost_of(const EncodeBlocks& a) {
  const auto elements = static_cast<double>(a.rows) * static_cast<double>(a.cols);
  const BlockFormat& format = format_of(a.format);
  return {10 * 48 * elements,
          elements * (sizeof(float) + static_cast<double>(format.bytes) / format.elements)};
}

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

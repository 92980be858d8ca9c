#include <cmath>

#include "kernels/contract/contract.h"
#include "kernels/embedding/abi.h"

namespace hewn {
namespace {

/// Expected number of distinct rows among n ids if all rows are equally likely.
double rows_named(int64_t n, int64_t vocabulary) {
  const auto rows = static_cast<double>(vocabulary);
  return rows - rows * std::pow(1 - 1 / rows, static_cast<double>(n));
}

/// The distinct rows and the positions are read once each, and all of y is written.
Cost cost_of(const EmbeddingForward& a) {
  const double n = static_cast<double>(a.n), width = static_cast<double>(a.width);
  const double rows = rows_named(a.n, a.vocabulary) + (a.position ? static_cast<double>(a.period) : 0);
  return {a.position ? n * width : 0, rows * width * static_cast<double>(size_of(a.dtype)) +
                                          n * width * static_cast<double>(size_of(a.y_dtype))};
}

/// Bytes of the table's rows that are read and written when adding.
double bytes_added_to(const EmbeddingBackward& a) {
  if (a.to_dweight == Write::set) return 0;
  return rows_named(a.n, a.vocabulary) * static_cast<double>(a.width) * static_cast<double>(size_of(a.dtype));
}

/// All of dy is read. Setting writes the whole table; adding reads and writes the distinct rows.
Cost cost_of(const EmbeddingBackward& a) {
  const double n = static_cast<double>(a.n), width = static_cast<double>(a.width);
  const double row = width * static_cast<double>(size_of(a.dtype));
  const double table = a.to_dweight == Write::set ? static_cast<double>(a.vocabulary) * row : 0;
  return {n * width, n * width * static_cast<double>(size_of(a.dy_dtype)) + table + 2 * bytes_added_to(a)};
}

Needs needs_of(const EmbeddingBackward& a) { return {.updated = bytes_added_to(a)}; }

size_t one_row(const EmbeddingBackward& a, int) { return static_cast<size_t>(a.width) * sizeof(double); }

size_t gpu_scratch_bytes(const EmbeddingBackward& a, int) { return EmbeddingScratch(a).end; }

const char* all_f32_only(const EmbeddingForward& a) {
  return a.y_dtype == DType::f32 ? f32_only(a) : "f32 results only";
}
const char* all_f32_only(const EmbeddingBackward& a) {
  return a.dy_dtype == DType::f32 ? f32_only(a) : "f32 gradients only";
}

const char* no_bf16_table(const EmbeddingForward& a) {
  return a.dtype == DType::bf16 ? "no tables in bf16" : nullptr;
}

constexpr Rung<EmbeddingForward> forward_rungs[] = {
    {scalar<"reference">, "one element at a time"},
    {per_isa<"vector">, "rows a vector at a time, divided among threads", all_f32_only},
    {per_gpu<"cuda">, "one block per row, sixteen bytes per thread", no_bf16_table},
};

constexpr Rung<EmbeddingBackward> backward_rungs[] = {
    {scalar<"reference">, "for each row of the table, all positions with its id", one_row},
    {per_isa<"strips">,
     "threads own strips of columns and process positions in order: no atomics, no collisions", all_f32_only},
    {per_gpu<"cuda">, "positions sorted by id, their rows summed in order: no atomics", gpu_scratch_bytes},
};

constexpr Ladder<EmbeddingForward> forward_ladder{"embedding.forward", forward_rungs, cost_of};
constexpr Ladder<EmbeddingBackward> backward_ladder{"embedding.backward", backward_rungs, cost_of, needs_of};

}  // namespace

const Ladder<EmbeddingForward>& ladder_of(const EmbeddingForward&) { return forward_ladder; }
const Ladder<EmbeddingBackward>& ladder_of(const EmbeddingBackward&) { return backward_ladder; }

}  // namespace hewn

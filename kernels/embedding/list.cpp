#include "kernels/contract/contract.h"
#include "kernels/embedding/abi.h"
#include "kernels/embedding/cost.h"

namespace hewn {
namespace {

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

#include "kernels/contract/contract.h"
#include "kernels/embedding/cost.h"
#include "kernels/embedding/kernels.h"

namespace hewn {
namespace {

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
    {.name = "reference",
     .idea = "one element at a time",
     .run = scalar<EmbeddingForward>(embedding_reference)},
    {.name = "vector",
     .idea = "rows a vector at a time, divided among threads",
     .run = per_isa<EmbeddingForward>([]<Isa I>() { return embedding_simd<I>; }),
     .why_not = all_f32_only},
    {.name = "cuda",
     .idea = "one block per row, sixteen bytes per thread",
     .run = per_gpu<EmbeddingForward>([]<Isa I>() -> KernelFn<EmbeddingForward> { return embedding_gpu<I>; }),
     .why_not = no_bf16_table},
};

constexpr Rung<EmbeddingBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "for each row of the table, all positions with its id",
     .run = scalar<EmbeddingBackward>(embedding_reference),
     .scratch_bytes = embedding_reference_scratch},
    {.name = "strips",
     .idea = "threads own strips of columns and process positions in order: no atomics, no collisions",
     .run = per_isa<EmbeddingBackward>([]<Isa I>() { return embedding_backward_simd<I>; }),
     .why_not = all_f32_only},
    {.name = "cuda",
     .idea = "positions sorted by id, their rows summed in order: no atomics",
     .run =
         per_gpu<EmbeddingBackward>([]<Isa I>() -> KernelFn<EmbeddingBackward> { return embedding_gpu<I>; }),
     .scratch_bytes = gpu_scratch_bytes},
};

constexpr Ladder<EmbeddingForward> forward_ladder{"embedding.forward", forward_rungs, cost_of};
constexpr Ladder<EmbeddingBackward> backward_ladder{"embedding.backward", backward_rungs, cost_of, needs_of};

}  // namespace

const Ladder<EmbeddingForward>& ladder_of(const EmbeddingForward&) { return forward_ladder; }
const Ladder<EmbeddingBackward>& ladder_of(const EmbeddingBackward&) { return backward_ladder; }

}  // namespace hewn

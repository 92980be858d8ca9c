#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"
#include "kernels/matmul/cost.h"
#include "kernels/matmul/cpu/blocks.h"
#include "kernels/matmul/cpu/blocks_amx.h"
#include "kernels/matmul/cpu/blocks_bf16.h"
#include "kernels/matmul/gpu/gpu_plan.h"
#include "kernels/matmul/kernels.h"
#include "kernels/matmul/lessons/lessons.h"

namespace hewn {
namespace {

/// What no CPU kernel offers: results of a backward pass that come with a product, and bf16 operands of C's shape.
const char* simple_only(const Matmul& a) {
  const Epilogue& e = a.epilogue;
  if (a.b_sums) return "no sums of B";
  if (e.slope_at) return "no slopes";
  return a.bf16_c && (e.pre || e.residual) ? "no bf16 residual or copy before the activation" : nullptr;
}

size_t scratch_bytes(const Matmul& a, int threads) {
  return static_cast<size_t>(threads) * static_cast<size_t>(tile_scratch(a).bytes());
}

const char* bf16_only(const Matmul& a) { return a.dtype != DType::bf16 ? "bf16 only" : simple_only(a); }

const char* many_bf16_only(const Matmul& a) {
  if (a.rows_apart) return "few rows are summed in another order";
  return is_skinny(a.M) ? "few rows are multiplied without copies" : bf16_only(a);
}

size_t bf16_scratch_bytes(const Matmul& a, int threads) {
  return static_cast<size_t>(threads) * static_cast<size_t>(dot_scratch(a).bytes());
}

const char* lesson_only(const Matmul& a) {
  const Epilogue& e = a.epilogue;
  if (a.dtype != DType::f32) return "f32 only";
  if (a.trans_a || a.trans_b) return "no transposed operands";
  if (a.outer * a.inner != 1) return "one product only";
  if (e.bias || e.pre || e.slope_at || e.residual || e.activation != Activation::none || a.b_sums)
    return "no epilogue";
  return nullptr;
}

/// The grids of these rungs have blocks of at least 16 rows or columns in y.
const char* gpu_lesson_only(const Matmul& a) {
  constexpr int64_t most = 16 * 65535;
  return a.M > most || a.N > most ? "at most 1048560 rows and columns only" : lesson_only(a);
}

const char* floats_only(const Matmul& a) {
  if (a.dtype != DType::f32) return "f32 only";
  if (a.b_sums) return "no sums of B";
  return gpu_tiles_reach(a) ? nullptr : "rows too far apart for 32-bit offsets";
}

const char* tf32_only(const Matmul& a) { return a.tf32 ? floats_only(a) : "only with matmul_precision=tf32"; }

const char* few_rows_only(const Matmul& a) {
  if (a.dtype == DType::f64) return "no f64";
  if (a.b_sums) return "no sums of B";
  if (a.outer * a.inner > 65535) return "at most 65535 matrices only";
  return a.M <= few_rows ? nullptr : "few rows only";
}

const char* tensor_only(const Matmul& a) {
  if (a.dtype != DType::bf16) return "bf16 only";
  if (a.b_sums && !(a.trans_a && !a.trans_b)) return "sums of B only beside a transposed A";
  return gpu_tiles_reach(a) ? nullptr : "rows too far apart for 32-bit offsets";
}

const char* hopper_only(const Matmul& a) {
  if (const char* const why = tensor_only(a)) return why;
  if (a.b_sums) return "no sums of B";
  if (a.outer * a.inner != 1) return "one product only";
  if (a.K == 0) return "no products with K = 0";
  if (a.M > 0x7fffffff || a.N > 0x7fffffff) return "more rows or columns than 32 bits can count";
  if (!bf16_rows_are_wide(a.a, a.lda, a.a_step) || !bf16_rows_are_wide(a.b, a.ldb, a.b_step))
    return "rows aligned to 16 bytes only";
  if constexpr (cuda_compiled)
    if (const int there = cuda_capability(); there != 0 && there != 90) return "compute capability 9.0 only";
  return nullptr;
}

const char* mma_lesson_only(const Matmul& a) {
  if (a.trans_a || a.trans_b) return "no transposed operands";
  return tensor_only(a);
}

size_t tensor_scratch(const Matmul& a, int) {
  return split_bytes(a, takes_large(a, large_bf16) ? large_bf16 : small_bf16);
}

size_t floats_scratch(const Matmul& a, int) {
  return split_bytes(a, takes_large(a, large_floats) ? large_floats : small_floats);
}

size_t one_block(const Matmul&, int) { return static_cast<size_t>(lesson_block_bytes); }

constexpr Rung<Matmul> rungs[] = {
    {.name = "reference",
     .idea = "one dot product in double per element",
     .run = scalar<Matmul>(matmul_reference)},
    {.name = "rows",
     .idea = "k as the middle loop: the inner loop walks along rows and uses whole cache lines",
     .run = scalar<Matmul>(matmul_rows),
     .why_not = lesson_only},
    {.name = "openmp",
     .idea = "two pragmas: rows are divided among threads, neighbours share a vector; still memory-bound",
     .run = scalar<Matmul>(matmul_openmp),
     .why_not = lesson_only},
    {.name = "cached",
     .idea = "a block of B that fits in cache is used by all rows of A before the next block",
     .run = scalar<Matmul>(matmul_cached),
     .why_not = lesson_only},
    {.name = "vectors",
     .idea = "a vector of C stays in a register for all of k",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_vectors<I>; }),
     .why_not = lesson_only},
    {.name = "chains",
     .idea = "eight vectors of a row side by side: additions do not wait for each other",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_chains<I>; }),
     .why_not = lesson_only},
    {.name = "tiles",
     .idea = "a tile of C in registers: every load is used many times",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_tiles<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = [](const Matmul& a, int) { return static_cast<size_t>(a.K) * 64; }},
    {.name = "packed",
     .idea = "blocks of B copied in the order in which tiles read them",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_packed<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = one_block},
    {.name = "ahead",
     .idea = "tiles prefetch the next block while they multiply this one",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_ahead<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = one_block},
    {.name = "threads",
     .idea = "every core multiplies some rows of tiles",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_threads<I>; }),
     .why_not = lesson_only,
     .scratch_bytes = [](const Matmul& a,
                         int threads) { return one_block(a, 1) * static_cast<size_t>(threads); }},
    {.name = "simd",
     .idea = "register tiles over blocks that stay in cache, B packed where that pays, a rectangle per "
             "thread; bf16 is widened while it is packed",
     .run = per_isa<Matmul>([]<Isa I>() { return matmul_simd<I>; }),
     .why_not = simple_only,
     .scratch_bytes = scratch_bytes},
    {.name = "pairs",
     .idea = "one instruction multiplies bf16 neighbours along K in pairs and adds both products",
     .run = per_isa<Matmul, bf16_isas>([]<Isa I>() { return matmul_bf16_simd<I>; }),
     .why_not = bf16_only,
     .scratch_bytes = bf16_scratch_bytes},
    {.name = "tiles16",
     .idea = "AMX: a register holds 16 x 16 sums, and one instruction adds 32 products to each of them",
     .run = per_isa<Matmul, amx_isas>([]<Isa I>() { return matmul_amx<I>; }),
     .why_not = many_bf16_only,
     .scratch_bytes = [](const Matmul& a,
                         int threads) { return static_cast<size_t>(threads * square_scratch(a).bytes()); }},
    {.name = "cuda.naive",
     .idea = "one element per thread, adjacent threads a row apart: every load is a separate transaction",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_naive<I>; }),
     .why_not = gpu_lesson_only},
    {.name = "cuda.coalesced",
     .idea = "adjacent threads along a row: a warp loads and stores whole lines",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_coalesced<I>; })},
    {.name = "cuda.shared",
     .idea = "square tiles of A and B in shared memory: each element loaded is read 32 times",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_shared<I>; }),
     .why_not = gpu_lesson_only},
    {.name = "cuda.registers",
     .idea = "4 x 4 elements per thread: two multiply-adds for each load from shared memory",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_registers<I>; }),
     .why_not = gpu_lesson_only},
    {.name = "cuda.floats",
     .idea = "8 x 8 elements per thread, four floats per load, the next tiles copied meanwhile, K split if "
             "tiles are few",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_floats<I>; }),
     .why_not = floats_only,
     .scratch_bytes = floats_scratch},
    {.name = "cuda.tf32",
     .idea = "float32 on tensor cores: operands lose 13 bits of mantissa; only where this is permitted",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_tf32<I>; }),
     .why_not = tf32_only,
     .scratch_bytes = floats_scratch},
    {.name = "cuda.mma",
     .idea = "tensor cores: a warp multiplies 16 x 8 x 16 per instruction, from swizzled shared memory",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_mma<I>; }),
     .why_not = mma_lesson_only,
     .scratch_bytes = [](const Matmul& a, int) { return split_bytes(a, small_bf16); }},
    // This rung has not run on a GPU yet. Once it is shown to be correct and faster there, it should trade
    // places with the next rung, which accepts everything that this one does.
    {.name = "cuda.hopper",
     .idea = "sm_90a: one thread copies whole tiles, four warps multiply 64 x 128 x 16 from shared memory",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_hopper<I>; }),
     .why_not = hopper_only,
     .scratch_bytes = [](const Matmul& a, int) { return split_bytes(a, hopper_bf16); }},
    {.name = "cuda.tensor",
     .idea = "64 x 64 elements of C per warp, three stages being copied while the fourth is multiplied",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_tensor<I>; }),
     .why_not = tensor_only,
     .scratch_bytes = tensor_scratch},
    {.name = "cuda.few_rows",
     .idea = "up to 8 rows: every byte of B is loaded once; a warp along K, or K split over warps",
     .run = per_gpu<Matmul>([]<Isa I>() -> KernelFn<Matmul> { return matmul_gpu_few_rows<I>; }),
     .why_not = few_rows_only},
};

constexpr Ladder<Matmul> ladder{"matmul", rungs, cost_of};

}  // namespace

const Ladder<Matmul>& ladder_of(const Matmul&) { return ladder; }

}  // namespace hewn

#include "kernels/contract/contract.h"
#include "kernels/gpu/runtime/runtime.h"
#include "kernels/matmul/abi.h"
#include "kernels/matmul/cpu/blocks.h"
#include "kernels/matmul/cpu/blocks_amx.h"
#include "kernels/matmul/cpu/blocks_bf16.h"
#include "kernels/matmul/gpu/gpu_plan.h"
#include "kernels/matmul/lessons/lessons.h"

namespace hewn {
namespace {

/// 2 M N K per matrix; each operand is read once; the result is written once, and read once if added to. Sums of B
/// are computed from what is read anyway.
Cost cost_of(const Matmul& a) {
  const auto M = static_cast<double>(a.M), N = static_cast<double>(a.N), K = static_cast<double>(a.K);
  const double batch = static_cast<double>(a.outer) * static_cast<double>(a.inner);
  const double results = 1 + (a.to_c == Write::add ? 1 : 0) + (a.epilogue.pre ? 1 : 0) +
                         (a.epilogue.slope_at ? 1 : 0) + (a.epilogue.residual ? 1 : 0);
  const auto element = static_cast<double>(size_of(a.dtype));
  const double of_c = a.dtype == DType::bf16 && !a.bf16_c ? sizeof(float) : element;
  const double sums = a.b_sums ? 1 : 0;
  return {2 * batch * M * N * K + sums * K * N,
          batch * ((M * K + K * N) * element + results * M * N * of_c) + sums * N * sizeof(float)};
}

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
    {scalar<"reference">, "one dot product in double per element"},
    {scalar<"rows">, "k as the middle loop: the inner loop walks along rows and uses whole cache lines",
     lesson_only},
    {scalar<"openmp">,
     "two pragmas: rows are divided among threads, neighbours share a vector; still memory-bound",
     lesson_only},
    {scalar<"cached">, "a block of B that fits in cache is used by all rows of A before the next block",
     lesson_only},
    {per_isa<"vectors">, "a vector of C stays in a register for all of k", lesson_only},
    {per_isa<"chains">, "eight vectors of a row side by side: additions do not wait for each other",
     lesson_only},
    {per_isa<"tiles">, "a tile of C in registers: every load is used many times", lesson_only,
     [](const Matmul& a, int) { return static_cast<size_t>(a.K) * 64; }},
    {per_isa<"packed">, "blocks of B copied in the order in which tiles read them", lesson_only, one_block},
    {per_isa<"ahead">, "tiles prefetch the next block while they multiply this one", lesson_only, one_block},
    {per_isa<"threads">, "every core multiplies some rows of tiles", lesson_only,
     [](const Matmul& a, int threads) { return one_block(a, 1) * static_cast<size_t>(threads); }},
    {per_isa<"simd">,
     "register tiles over blocks that stay in cache, B packed where that pays, a rectangle per "
     "thread; bf16 is widened while it is packed",
     simple_only, scratch_bytes},
    {per_isa<"pairs", bf16_isas>,
     "one instruction multiplies bf16 neighbours along K in pairs and adds both products", bf16_only,
     bf16_scratch_bytes},
    {per_isa<"tiles16", amx_isas>,
     "AMX: a register holds 16 x 16 sums, and one instruction adds 32 products to each of them",
     many_bf16_only,
     [](const Matmul& a, int threads) { return static_cast<size_t>(threads * square_scratch(a).bytes()); }},
    {per_gpu<"cuda.naive">,
     "one element per thread, adjacent threads a row apart: every load is a separate transaction",
     gpu_lesson_only},
    {per_gpu<"cuda.coalesced">, "adjacent threads along a row: a warp loads and stores whole lines"},
    {per_gpu<"cuda.shared">, "square tiles of A and B in shared memory: each element loaded is read 32 times",
     gpu_lesson_only},
    {per_gpu<"cuda.registers">,
     "4 x 4 elements per thread: two multiply-adds for each load from shared memory", gpu_lesson_only},
    {per_gpu<"cuda.floats">,
     "8 x 8 elements per thread, four floats per load, the next tiles copied meanwhile, K split if "
     "tiles are few",
     floats_only, floats_scratch},
    {per_gpu<"cuda.tf32">,
     "float32 on tensor cores: operands lose 13 bits of mantissa; only where this is permitted", tf32_only,
     floats_scratch},
    {per_gpu<"cuda.mma">,
     "tensor cores: a warp multiplies 16 x 8 x 16 per instruction, from swizzled shared memory",
     mma_lesson_only, [](const Matmul& a, int) { return split_bytes(a, small_bf16); }},
    // This rung has not run on a GPU yet. Once it is shown to be correct and faster there, it should trade
    // places with the next rung, which accepts everything that this one does.
    {per_gpu<"cuda.hopper">,
     "sm_90a: one thread copies whole tiles, four warps multiply 64 x 128 x 16 from shared memory",
     hopper_only, [](const Matmul& a, int) { return split_bytes(a, hopper_bf16); }},
    {per_gpu<"cuda.tensor">,
     "64 x 64 elements of C per warp, three stages being copied while the fourth is multiplied", tensor_only,
     tensor_scratch},
    {per_gpu<"cuda.few_rows">,
     "up to 8 rows: every byte of B is loaded once; a warp along K, or K split over warps", few_rows_only},
};

constexpr Ladder<Matmul> ladder{"matmul", rungs, cost_of};

}  // namespace

const Ladder<Matmul>& ladder_of(const Matmul&) { return ladder; }

}  // namespace hewn

#pragma once
// Instruction sets the kernels are compiled for, and which of them this machine can run.

#include <array>
#include <cstdint>
#include <string_view>

namespace hewn {

/// CPU instruction sets in order of preference. `scalar` is plain C++ of the baseline: references and naive
/// rungs. `avx512bf16` is avx512 with the dot product of bfloat16 pairs, `amx` that with registers that hold
/// tiles of a matrix. The last two are GPU kernels: `emulated` is a cuda.cu compiled for the block emulator,
/// `cuda` the same for GPUs.
enum class Isa : uint8_t { scalar, sse2, avx2, avx512, avx512bf16, amx, neon, emulated, cuda };
inline constexpr int n_isas = 9;
/// Whether code of it runs on the device that a GPU is, rather than on a processor's threads.
constexpr bool on_gpu(Isa isa) { return isa >= Isa::emulated; }

/// The SIMD instruction sets each `simd*.cpp` is compiled for, those of a `simd*bf16.cpp`, those of a
/// `simd*amx.cpp`, and all this build holds code for.
#if defined(__aarch64__)
inline constexpr std::array compiled_isas{Isa::neon};
inline constexpr std::array<Isa, 0> bf16_isas{};
inline constexpr std::array<Isa, 0> amx_isas{};
inline constexpr std::array known_isas{Isa::neon};
#else
inline constexpr std::array compiled_isas{Isa::sse2, Isa::avx2, Isa::avx512};
inline constexpr std::array bf16_isas{Isa::avx512bf16};
inline constexpr std::array amx_isas{Isa::amx};
inline constexpr std::array known_isas{Isa::sse2, Isa::avx2, Isa::avx512, Isa::avx512bf16, Isa::amx};
#endif

/// "scalar", "sse2", "avx2", "avx512", "avx512bf16", "amx", "neon", "emulated", "cuda".
std::string_view name_of(Isa isa);

/// Whether processor and operating system (saved register state, XGETBV) both support it. Linux is asked to
/// save tiles for this process, once.
bool supported(Isa isa);

/// Whether a program had better fetch large blocks of memory itself, while it computes, than leave that to
/// the processor. Intel's do it well, and their tiles lose 5% if many lines that are still on their way from
/// memory occupy the buffers through which the second-level cache delivers; others gain by it.
bool fetching_pays();

/// Whether streams gain if what they read is asked for well ahead of what the processor fetches by itself.
/// Intel's processors do; AMD's are disturbed by it (a core of a Genoa reads 32 GB/s, and 22 if each line is
/// asked for 8 KiB early).
extern const bool streams_are_fetched;

/// Bytes of a core's second-level cache, as the system tells; 1 MiB where it does not.
int64_t second_level_cache();

/// Whether the instruction for products of bf16 pairs beats widening them to float32, which is exact. Not on
/// Intel's processors since Sapphire Rapids: they multiply bf16 in tiles, and do a vector of pairs in the time
/// of four vectors of float32 (85 and 176 GFLOP/s on a core of an Emerald Rapids without tiles).
bool bf16_pairs_pay();

/// The best supported one, capped by HEWN_ISA=sse2|avx2|avx512|avx512bf16|amx|scalar; avx512bf16 only where
/// it pays or is asked for. Unknown or unsupported names throw usage.
Isa best_isa();

}  // namespace hewn

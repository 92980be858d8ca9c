#pragma once
// Instruction sets the CPU kernels are compiled for, and which of them this machine can run.

#include <array>
#include <cstdint>
#include <string_view>

namespace hewn {

/// CPU instruction sets in order of preference. `scalar` is plain C++ of the baseline: references and naive
/// rungs.
enum class Isa : uint8_t { scalar, sse2, avx2, avx512, neon };
inline constexpr int n_isas = 5;

/// The SIMD instruction sets this build holds code for; each `simd.cpp` is compiled once for each.
#if defined(__aarch64__)
inline constexpr std::array compiled_isas{Isa::neon};
#else
inline constexpr std::array compiled_isas{Isa::sse2, Isa::avx2, Isa::avx512};
#endif

/// "scalar", "sse2", "avx2", "avx512", "neon".
std::string_view name_of(Isa isa);

/// Whether processor and operating system (saved register state, XGETBV) both support it.
bool supported(Isa isa);

/// The best supported one, capped by HEWN_ISA=sse2|avx2|avx512|scalar. Unknown or unsupported names throw
/// usage.
Isa best_isa();

}  // namespace hewn

#include "kernels/isa.h"

#include <cstdlib>

#include "core/error.h"

namespace hewn {
namespace {

constexpr std::string_view names[n_isas] = {"scalar", "sse2", "avx2", "avx512", "avx512bf16", "neon"};

}  // namespace

std::string_view name_of(Isa isa) { return names[static_cast<size_t>(isa)]; }

bool supported(Isa isa) {
#if defined(__x86_64__)
  // gcc and clang check CPUID together with XGETBV: a feature counts only when the system saves its
  // registers.
  switch (isa) {
    case Isa::scalar:
    case Isa::sse2: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return supported(Isa::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    case Isa::avx512bf16: return supported(Isa::avx512) && __builtin_cpu_supports("avx512bf16");
    case Isa::neon: return false;
  }
  return false;
#else
  return isa == Isa::scalar || isa == Isa::neon;
#endif
}

bool fetching_pays() {
#if defined(__x86_64__)
  return !__builtin_cpu_is("intel");
#else
  return true;
#endif
}

Isa best_isa() {
  Isa best = Isa::scalar;
  for (const Isa isa : bf16_isas)
    if (supported(isa)) best = isa;
  const char* cap = std::getenv("HEWN_ISA");
  if (!cap || !*cap) return best;
  for (int i = 0; i < n_isas; ++i) {
    const auto isa = static_cast<Isa>(i);
    if (name_of(isa) != cap) continue;
    require(supported(isa), "HEWN_ISA=", cap, " is not supported by this processor; the best it has is ",
            name_of(best));
    return isa;
  }
  fail(ErrorCode::usage, "HEWN_ISA=", cap,
       " is unknown; known are scalar, sse2, avx2, avx512, avx512bf16, neon");
}

}  // namespace hewn

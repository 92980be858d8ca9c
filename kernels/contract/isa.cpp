#include "kernels/contract/isa.h"

#include <unistd.h>

#include <cstdlib>

#include "core/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

namespace hewn {
namespace {

#if defined(__x86_64__)
/// Whether the processor has tiles and their bf16 product (CPUID leaf 7) and the system saves them (XCR0).
/// Linux saves them only for processes that request it (its Documentation/arch/x86/xstate.rst).
bool ask_for_tiles() {
  constexpr unsigned bf16_products = 1u << 22, tiles = 1u << 24, xgetbv = 1u << 27, tile_state = 3u << 17;
  constexpr long request_permission = 0x1023, tile_data = 18;
  unsigned a = 0, b = 0, c = 0, d = 0, high = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & xgetbv)) return false;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bf16_products) || !(d & tiles)) return false;
  asm volatile("xgetbv" : "=a"(a), "=d"(high) : "c"(0));
  return (a & tile_state) == tile_state && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#endif

}  // namespace

bool supported(Isa isa) {
#if defined(__x86_64__)
  // gcc and clang check CPUID together with XGETBV: a feature counts only if the system saves its registers.
  switch (isa) {
    case Isa::scalar:
    case Isa::sse2: return true;
    case Isa::avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case Isa::avx512:
      return supported(Isa::avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    case Isa::avx512vnni: return supported(Isa::avx512) && __builtin_cpu_supports("avx512vnni");
    case Isa::avx512bf16: return supported(Isa::avx512) && __builtin_cpu_supports("avx512bf16");
    case Isa::amx: {
      static const bool granted = supported(Isa::avx512bf16) && ask_for_tiles();
      return granted;
    }
    case Isa::neon:
    case Isa::emulated:
    case Isa::cuda: return false;
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

#if defined(__x86_64__)
const bool streams_are_fetched = __builtin_cpu_is("intel");
#else
const bool streams_are_fetched = false;
#endif

int64_t second_level_cache() {
  static const long told = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return told > 0 ? told : 1 << 20;
}

bool bf16_pairs_pay() {
#if defined(__x86_64__)
  return !__builtin_cpu_is("intel") || __builtin_cpu_is("cooperlake");
#else
  return true;
#endif
}

std::string compiled_names() {
  return list_text(known_isas, ", ", [](Isa isa) { return name_of(isa); });
}

void must_run(Isa isa) {
  if (!supported(isa))
    fail(ErrorCode::failed, "this build has vector code for ", compiled_names(),
         " only, which this processor cannot run; build on this machine or with -DHEWN_ISAS=all, or set "
         "HEWN_ISA=scalar to run slowly, without vector code");
}

Isa best_isa() {
  Isa best = Isa::scalar;
  for (const Isa isa : known_isas)
    if (supported(isa) && (isa != Isa::avx512bf16 || bf16_pairs_pay())) best = isa;
  const char* cap = std::getenv("HEWN_ISA");
  if (!cap || !*cap) {
    if (best == Isa::scalar) must_run(known_isas[0]);
    return best;
  }
  for (int i = 0; i < n_isas; ++i) {
    const auto isa = static_cast<Isa>(i);
    if (name_of(isa) != cap || on_gpu(isa)) continue;
    require(supported(isa), "HEWN_ISA=", cap, " is not supported by this processor; its best is ",
            name_of(best));
    require(isa == Isa::scalar || isa_compiled(isa), "HEWN_ISA=", cap,
            " is not part of this build, which has code for ", compiled_names(),
            "; configure it with -DHEWN_ISAS=all");
    return isa;
  }
  fail(ErrorCode::usage, "HEWN_ISA=", cap,
       " is unknown; expected scalar, sse2, avx2, avx512, avx512vnni, avx512bf16, amx or neon");
}

}  // namespace hewn

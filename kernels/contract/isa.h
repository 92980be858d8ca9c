#pragma once
// Instruction sets the kernels are compiled for, and which of them this machine can run.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace hewn {

/// CPU instruction sets in order of preference. `scalar` is plain C++ for the baseline: references and
/// naive rungs. `avx512vnni` is avx512 with the dot product of four bytes, `avx512bf16` adds that of bf16 pairs, `amx`
/// tile registers for matrices. The last two are GPU kernels: `emulated` is a *.cu file compiled for the
/// block emulator, `cuda` the same for GPUs.
enum class Isa : uint8_t { scalar, sse2, avx2, avx512, avx512vnni, avx512bf16, amx, neon, emulated, cuda };
inline constexpr int n_isas = 10;
/// Whether its code runs on a GPU device rather than on a processor's threads.
constexpr bool on_gpu(Isa isa) { return isa >= Isa::emulated; }

/// The SIMD instruction sets that a processor of this architecture may run.
#if defined(__aarch64__)
inline constexpr std::array architecture_isas{Isa::neon};
#else
inline constexpr std::array architecture_isas{Isa::sse2,       Isa::avx2,       Isa::avx512,
                                              Isa::avx512vnni, Isa::avx512bf16, Isa::amx};
#endif
/// Whether every `simd*.cpp` is compiled for it. For avx512vnni, only `simd*vnni.cpp` are; for avx512bf16, only
/// `simd*bf16.cpp`; for amx, only `simd*amx.cpp`.
constexpr bool has_vectors(Isa isa) {
  return isa != Isa::avx512vnni && isa != Isa::avx512bf16 && isa != Isa::amx;
}
/// Whether it multiplies bf16; others widen bf16 operands to float32 while packing, which is as slow as
/// float32.
constexpr bool multiplies_bf16(Isa isa) { return isa == Isa::avx512bf16 || isa == Isa::amx || on_gpu(isa); }

/// "scalar", "sse2", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx", "neon", "emulated", "cuda".
constexpr std::string_view name_of(Isa isa) {
  constexpr std::array<std::string_view, n_isas> names{"scalar",     "sse2", "avx2", "avx512",   "avx512vnni",
                                                       "avx512bf16", "amx",  "neon", "emulated", "cuda"};
  return names[static_cast<size_t>(isa)];
}

/// Whether this build contains code for it: CMake's HEWN_ISAS, e.g. "sse2+avx2"; without it, all
/// of the architecture.
constexpr bool isa_compiled(Isa isa) {
#ifdef HEWN_ISAS
  for (std::string_view rest = HEWN_ISAS;; rest.remove_prefix(rest.find('+') + 1)) {
    if (rest.substr(0, rest.find('+')) == name_of(isa)) return true;
    if (rest.find('+') == rest.npos) return false;
  }
#else
  for (const Isa one : architecture_isas)
    if (one == isa) return true;
  return false;
#endif
}

/// Which GPU code this build contains.
#ifdef HEWN_WITH_EMULATOR
inline constexpr bool emulator_compiled = true;
#else
inline constexpr bool emulator_compiled = false;
#endif
#ifdef HEWN_WITH_CUDA
inline constexpr bool cuda_compiled = true;
#else
inline constexpr bool cuda_compiled = false;
#endif

/// The instruction sets of the architecture for which `take` is true, narrowest first.
template <bool (*take)(Isa)>
consteval auto isas_where() {
  constexpr size_t n = [] {
    size_t count = 0;
    for (const Isa isa : architecture_isas) count += take(isa);
    return count;
  }();
  std::array<Isa, n> isas{};
  size_t i = 0;
  for (const Isa isa : architecture_isas)
    if (take(isa)) isas[i++] = isa;
  return isas;
}

constexpr bool vectors_compiled(Isa isa) { return isa_compiled(isa) && has_vectors(isa); }
constexpr bool vnni_compiled(Isa isa) { return isa_compiled(isa) && isa == Isa::avx512vnni; }
constexpr bool bf16_compiled(Isa isa) { return isa_compiled(isa) && isa == Isa::avx512bf16; }
constexpr bool amx_compiled(Isa isa) { return isa_compiled(isa) && isa == Isa::amx; }

/// The SIMD instruction sets for which every `simd*.cpp`, `simd*vnni.cpp`, `simd*bf16.cpp` and `simd*amx.cpp`
/// is compiled, and all for which this build contains code.
inline constexpr auto compiled_isas = isas_where<vectors_compiled>();
inline constexpr auto vnni_isas = isas_where<vnni_compiled>();
inline constexpr auto bf16_isas = isas_where<bf16_compiled>();
inline constexpr auto amx_isas = isas_where<amx_compiled>();
inline constexpr auto known_isas = isas_where<isa_compiled>();

/// Whether processor and operating system (saved register state, XGETBV) both support it. For tiles, this
/// requests permission from Linux, once per process.
bool supported(Isa isa);

/// Whether a program should prefetch large blocks of memory while it computes, instead of relying on the
/// hardware prefetchers. Intel's hardware prefetchers do it well, and AMX tiles lose 5% if many lines in
/// flight from memory occupy the buffers through which the second-level cache delivers; other processors
/// benefit.
bool fetching_pays();

/// Whether streams benefit from prefetching well ahead of the hardware prefetcher. On Intel's processors they
/// do; AMD's get slower (a core of a Genoa reads 32 GB/s, but 22 if each line is prefetched 8 KiB ahead).
extern const bool streams_are_fetched;

/// Bytes of a core's second-level cache, as reported by the system; 1 MiB if it reports nothing.
int64_t second_level_cache();

/// Whether the instruction for products of bf16 pairs is faster than widening them to float32, which is
/// exact. Not on Intel's processors since Sapphire Rapids: they multiply bf16 in tiles, and one vector
/// of pairs takes the time of four vectors of float32 (85 and 176 GFLOP/s on a core of an Emerald
/// Rapids without tiles).
bool bf16_pairs_pay();

/// The best instruction set for which this build has code and that the processor supports, capped by
/// HEWN_ISA=sse2|avx2|avx512|avx512bf16|amx|scalar; avx512bf16 only where it pays off or is requested. Throws
/// usage for names that are unknown, not supported or not in this build, and failed if the processor supports
/// none of this build's sets.
Isa best_isa();

/// Throws failed unless this processor supports it, one of known_isas.
void must_run(Isa isa);

/// known_isas as text, e.g. "sse2, avx2".
std::string compiled_names();

/// The result of `get.operator()<I>()` for the widest I of compiled_isas that a processor of this level can
/// run, or for the narrowest if there is none: `best_of(isa, []<Isa I>() { return roof_read<I>; })`. Throws
/// failed if the processor cannot run that set.
template <class Get>
auto best_of(Isa level, Get get) {
  auto best = get.template operator()<compiled_isas[0]>();
  if (level < compiled_isas[0]) must_run(compiled_isas[0]);
  [&]<size_t... N>(std::index_sequence<N...>) {
    ((compiled_isas[N] <= level ? void(best = get.template operator()<compiled_isas[N]>()) : void()), ...);
  }
  (std::make_index_sequence<compiled_isas.size()>());
  return best;
}

}  // namespace hewn

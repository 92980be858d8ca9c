#include "kernels/roof/roof.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#include "core/base/clock.h"
#include "core/error.h"
#include "kernels/contract/parallel.h"
#include "kernels/roof/caches.h"
#include "kernels/roof/simd.h"
#include "kernels/roof/timing.h"

namespace hewn {
namespace {

struct Roofs {
  double (*fma)(DType, int64_t);
  int64_t (*fmas)(DType);
  float (*chain)(int64_t);
  float (*read)(const float*, int64_t);
  void (*copy)(const float*, float*, int64_t);
};

template <Isa I>
constexpr Roofs roofs_of{roof_fma<I>, roof_fmas<I>, roof_chain<I>, roof_read<I>, roof_copy<I>};

Roofs roofs(Isa isa) {
  return best_of(isa, []<Isa I>() { return roofs_of<I>; });
}

/// The arithmetic measured for a type: a function that runs rounds, and the multiply-adds of one round.
struct Peak {
  double (*fma)(DType, int64_t);
  int64_t fmas;
};

Peak peak_of(DType dtype, Isa isa) {
  if constexpr (isa_compiled(Isa::amx))
    if (dtype == DType::bf16 && isa == Isa::amx)
      return {roof_tile_products<Isa::amx>, roof_tile_products_fmas<Isa::amx>()};
  if constexpr (isa_compiled(Isa::avx512bf16))
    if (dtype == DType::bf16 && isa == Isa::avx512bf16)
      return {roof_dots<Isa::avx512bf16>, roof_dots_fmas<Isa::avx512bf16>()};
  const DType wide = dtype == DType::f64 ? DType::f64 : DType::f32;
  return {roofs(isa).fma, roofs(isa).fmas(wide)};
}

/// FLOP/s of the best of many tries, and the average number of processors that they used.
struct Rate {
  double flops, processors;
};

Rate rate_of(const Peak& peak, DType dtype, int threads) {
  constexpr int64_t rounds = 200'000;
  const Launch launch{.threads = threads};
  std::vector<double> kept(static_cast<size_t>(threads));
  const auto start = Clock::now();
  const std::clock_t spent = std::clock();
  const double seconds = best_seconds([&] {
    parallel_for(launch, threads, [&](int64_t, int64_t, int worker) {
      kept[static_cast<size_t>(worker)] = peak.fma(dtype, rounds);
    });
  });
  const double computed = static_cast<double>(std::clock() - spent) / CLOCKS_PER_SEC;
  return {2.0 * static_cast<double>(peak.fmas * rounds * threads) / seconds, computed / seconds_since(start)};
}

}  // namespace

double measured_flops(DType dtype, Isa isa, int threads) {
  require(dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16, "no roofline is measured for ",
          name_of(dtype));
  require(!on_gpu(isa), "the roofline of a GPU is not measured here");
  const Peak peak = peak_of(dtype, isa);
  Rate rate = rate_of(peak, dtype, threads);
  // A host may run several processors of a virtual machine on one of its cores, for seconds: they all run,
  // but slowly. Such a measurement is not a roof, so repeat it. If fewer processors run than requested, other
  // programs use them, and repeating does not help.
  const int cores = std::min(threads, physical_cores());
  const double enough = cores > 1 ? 0.7 * cores * rate_of(peak, dtype, 1).flops : 0;
  double flops = rate.flops;
  const auto end = Clock::now() + std::chrono::milliseconds(1500);
  while (flops < enough && rate.processors > 0.9 * cores && Clock::now() < end) {
    rate = rate_of(peak, dtype, threads);
    flops = std::max(flops, rate.flops);
  }
  return flops;
}

double measured_latency(Isa isa) {
  constexpr int64_t rounds = 20'000;
  const Roofs r = roofs(isa);
  volatile float kept = 0;
  return best_seconds([&] { kept = r.chain(rounds); }) / static_cast<double>(rounds);
}

double measured_bandwidth(size_t bytes, Isa isa, int threads) {
  const size_t set = std::clamp<size_t>(bytes, size_t{16} << 10, size_t{256} << 20);
  const auto per_thread = static_cast<int64_t>(set / sizeof(float)) / threads / 256 * 256;
  const int64_t passes = std::max<int64_t>(1, (int64_t{4} << 20) / (per_thread * 4));
  std::vector<float> x(static_cast<size_t>(per_thread * threads), 1.0f);
  std::vector<float> kept(static_cast<size_t>(threads));
  const Roofs r = roofs(isa);
  const Launch launch{.threads = threads};
  const auto on_slices = [&](const auto& work) {
    return best_seconds([&] {
      parallel_for(launch, threads, [&](int64_t, int64_t, int worker) {
        for (int64_t p = 0; p < passes; ++p) work(x.data() + worker * per_thread, worker);
      });
    });
  };
  const double read = on_slices(
      [&](float* slice, int worker) { kept[static_cast<size_t>(worker)] += r.read(slice, per_thread); });
  // Half of the working set is read while the other half is written.
  const double copy =
      on_slices([&](float* slice, int) { r.copy(slice, slice + per_thread / 2, per_thread / 2); });
  return static_cast<double>(per_thread * threads * passes) * sizeof(float) / std::min(read, copy);
}

}  // namespace hewn

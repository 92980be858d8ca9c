#include "kernels/roof/stream.h"

#include <algorithm>

#include "core/error.h"
#include "kernels/huge_pages.h"
#include "kernels/parallel.h"
#include "kernels/roof/simd_stream.h"
#include "kernels/roof/timing.h"

namespace hewn {
namespace {

using StreamFn = float (*)(const StreamWork&, bool);

StreamFn stream_of(Isa isa) {
#if defined(__aarch64__)
  (void)isa;
  return roof_stream<Isa::neon>;
#else
  if (isa == Isa::sse2 || isa == Isa::scalar) return roof_stream<Isa::sse2>;
  return isa == Isa::avx2 ? roof_stream<Isa::avx2> : roof_stream<Isa::avx512>;
#endif
}

}  // namespace

double measured_stream(StreamMix mix, size_t bytes, Isa isa, int threads) {
  const int parts = mix.read + mix.update + mix.write;
  require(mix.read >= 0 && mix.update >= 0 && mix.write >= 0 && parts > 0, "a stream of nothing");
  constexpr int64_t block = StreamWork::block;
  const auto set = static_cast<int64_t>(std::clamp<size_t>(bytes, size_t{16} << 10, size_t{256} << 20));
  const int64_t turns = std::max<int64_t>(1, set / (parts * block * 4) / threads);
  const int64_t per_thread = turns * parts * block;
  // A call does some of the turns, or all several times over: 4 MiB, few enough that some calls are
  // undisturbed.
  const int64_t some = std::max<int64_t>(1, (int64_t{4} << 20) / (parts * block * 4) / threads);
  const int64_t each = std::min(some, turns), passes = some / each;
  // From one thread's part to the next a line more than the part, so that not all begin in the same cache
  // set.
  HugeVector<float> memory(static_cast<size_t>((per_thread + 16) * threads), 1.0f);
  std::vector<float> kept(static_cast<size_t>(threads));
  const auto seconds = [&](bool past_caches) {
    int64_t first = 0;
    return best_seconds([&] {
      if (first + each > turns) first = 0;
      parallel_for(Launch{.threads = threads}, threads, [&](int64_t, int64_t, int worker) {
        float* const x = memory.data() + worker * (per_thread + 16);
        float* const y = x + turns * mix.read * block;
        float* const z = y + turns * mix.update * block;
        const StreamWork work{x + first * mix.read * block,
                              y + first * mix.update * block,
                              z + first * mix.write * block,
                              mix.read,
                              mix.update,
                              mix.write,
                              each};
        for (int64_t p = 0; p < passes; ++p)
          kept[static_cast<size_t>(worker)] += stream_of(isa)(work, past_caches);
      });
      first += each;
    });
  };
  double best = seconds(false);
  if (mix.write > 0) best = std::min(best, seconds(true));
  const int64_t moved = each * (parts + mix.update) * block * 4 * threads * passes;
  return static_cast<double>(moved) / best;
}

}  // namespace hewn

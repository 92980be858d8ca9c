#include "kernels/roof/stream.h"

#include <algorithm>
#include <chrono>

#include "core/base/clock.h"
#include "core/error.h"
#include "kernels/contract/parallel.h"
#include "kernels/roof/simd.h"
#include "kernels/roof/timing.h"

namespace hewn {
namespace {

constexpr int64_t block = StreamWork::block;

using StreamFn = float (*)(const StreamWork&, bool);

StreamFn stream_of(Isa isa) {
  return best_of(isa, []<Isa I>() -> StreamFn { return roof_stream<I>; });
}

int64_t turns_of(StreamMix mix, size_t bytes, int threads) {
  const int parts = mix.read + mix.update + mix.write;
  require(mix.read >= 0 && mix.update >= 0 && mix.write >= 0 && parts > 0,
          "a stream must read, update or write something");
  return std::max<int64_t>(1, static_cast<int64_t>(bytes) / (parts * block * 4) / threads);
}

}  // namespace

PlainStream::PlainStream(StreamMix mix, size_t bytes, Isa isa, int threads)
    : mix_(mix),
      isa_(isa),
      threads_(threads),
      turns_(turns_of(mix, std::clamp<size_t>(bytes, size_t{16} << 10, size_t{256} << 20), threads)),
      // One cache line of padding after each thread's part, so that the parts do not all start in
      // the same cache set.
      memory_(static_cast<size_t>((turns_ * (mix.read + mix.update + mix.write) * block + 16) * threads),
              1.0f),
      kept_(static_cast<size_t>(threads)) {}

void PlainStream::run(int64_t turns, bool past_caches) {
  parallel_for(Launch{.threads = threads_}, threads_, [&](int64_t, int64_t, int worker) {
    float* const x = memory_.data() + worker * static_cast<int64_t>(memory_.size()) / threads_;
    float* const y = x + turns_ * mix_.read * block;
    float* const z = y + turns_ * mix_.update * block;
    float sum = 0;
    for (int64_t first = first_, left = turns; left > 0;) {
      const int64_t some = std::min(left, turns_ - first);
      const StreamWork work{x + first * mix_.read * block,
                            y + first * mix_.update * block,
                            z + first * mix_.write * block,
                            mix_.read,
                            mix_.update,
                            mix_.write,
                            some};
      sum += stream_of(isa_)(work, past_caches);
      left -= some;
      first = (first + some) % turns_;
    }
    kept_[static_cast<size_t>(worker)] = sum;
  });
  first_ = (first_ + turns) % turns_;
}

double PlainStream::walk(size_t bytes, bool past_caches) {
  const int64_t moved = (mix_.read + 2 * mix_.update + mix_.write) * block * 4 * threads_;
  const int64_t turns = std::max<int64_t>(1, static_cast<int64_t>(bytes) / moved);
  const auto start = Clock::now();
  run(turns, past_caches);
  return static_cast<double>(turns * moved) / seconds_since(start);
}

double PlainStream::measured() {
  double best = 0;
  for (const bool past_caches : {false, true}) {
    if (past_caches && !writes()) break;
    best_seconds([&] { best = std::max(best, walk(size_t{4} << 20, past_caches)); });
  }
  return best;
}

}  // namespace hewn

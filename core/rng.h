#pragma once
// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
// as 1, 2, 3", SC 2011). A number depends only on seed, stream and position, so that any thread or device can
// compute any of them, and resuming needs no saved state.

#include <array>
#include <cstdint>

namespace hewn {

/// The four words of block `counter` under `key`, after ten Philox rounds.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// A stream of random numbers. Streams of the same seed are independent; after `Rng r(seed, stream);
/// r.skip(n)`, r starts at word n.
class Rng {
 public:
  explicit Rng(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  uint32_t next_u32();
  uint64_t next_u64();
  /// Uniform in [0, 1), from 53 random bits.
  double uniform_double();
  /// Uniform in [0, n) without bias (Lemire, "Fast random integer generation in an interval", 2019). n > 0.
  uint64_t below(uint64_t n);
  /// Standard normal, by the Box-Muller transform with `portable_log` and `portable_cos_2pi`.
  double normal();
  void skip(uint64_t words) { position_ += words; }

 private:
  uint64_t seed_, stream_, position_ = 0;
  uint64_t block_ = ~uint64_t{0};
  std::array<uint32_t, 4> words_{};
};

/// ln x for finite x > 0, and cos(2 pi t) for t in [0, 1], computed only from additions, multiplications and
/// divisions, so that initial weights do not depend on the libm. The error is below 1e-15 absolute for cos,
/// and 4e-16 relative for log away from 1.
double portable_log(double x);
double portable_cos_2pi(double t);

}  // namespace hewn

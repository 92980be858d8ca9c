#pragma once
// `hewn bench comm`: sums and copies over all ranks, each result checked.

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// Collective operations on a slab. Every rank has a copy of it and owns a part.
enum class Collective : uint8_t {
  reduce_scatter,  ///< every rank gets the sum of its own part
  all_gather,      ///< every rank gets the others' own parts
  all_reduce       ///< every rank gets the sum of everything
};
constexpr std::string_view names_of(Collective) { return "reduce_scatter|all_gather|all_reduce"; }

/// Bus bandwidth relative to algorithm bandwidth, which is bytes of the slab / seconds (busbw, algbw of nccl-tests):
/// (R - 1) / R, and twice that for an all-reduce. With this factor, all collectives and any R can be compared with the
/// bandwidth of the hardware.
double bus_factor(Collective what, int ranks);

/// The sums and copies that training uses (`Ranks`), with the same number of buckets in flight. All ranks
/// call each function.
class Collectives {
 public:
  /// For slabs of n elements. Allocates buffers for the data of other ranks.
  Collectives(Ranks& ranks, Device& device, int64_t n);
  /// The elements that this rank owns.
  std::vector<Range> owned() const;
  /// Fills `slab`, f32 [n] on a CPU, with numbers that all ranks can derive.
  void fill(Collective what, Tensor& slab) const;
  /// Computes a collective in place. Returns the seconds it took on this rank.
  double run(Collective what, Tensor& slab);
  /// Compares every element of the result with the expected one, to the last bit. Throws
  /// ErrorCode::numerical, naming the first wrong element.
  void check(Collective what, const Tensor& slab) const;
  /// Fills, runs and checks. Returns the seconds of the slowest rank.
  double timed_and_checked(Collective what, Tensor& slab);

 private:
  void reduce_scatter(const Tensor& slab);

  Ranks& ranks_;
  Slices slices_;
  std::vector<BucketExchange> rooms_;  // exchanges of the buckets in flight
};

}  // namespace hewn::cli

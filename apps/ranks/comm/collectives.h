#pragma once
// `hewn bench comm`: sums and copies over all ranks, in our way and in that of a library, each result checked.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"
#include "train/ranks/communication.h"
#include "train/ranks/message_library.h"
#include "train/ranks/ranks.h"

namespace hewn::cli {

/// What ranks compute of a slab that each of them has, of which each owns a part.
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

/// A way to compute collectives.
class CollectiveWay {
 public:
  virtual ~CollectiveWay() = default;
  /// "exact", or the name of a library.
  virtual std::string name() const = 0;
  /// Whether sums are added as the binary tree over the ranks, so that their bits are known.
  virtual bool exact() const = 0;
  /// The elements that this rank owns.
  virtual std::vector<Range> owned() const = 0;
  /// Computes a collective of `slab`, f32 [n] on a CPU, in place. Returns the seconds it took on this rank. All ranks
  /// call it.
  virtual double run(Collective what, Tensor& slab) = 0;
};

/// The sums of `Ranks`, which the trainer uses, with as many buckets under way.
class ExactWay final : public CollectiveWay {
 public:
  /// Of slabs of n elements. Allocates room for what the others send.
  ExactWay(Ranks& ranks, Device& device, int64_t n);
  std::string name() const override { return "exact"; }
  bool exact() const override { return true; }
  std::vector<Range> owned() const override;
  double run(Collective what, Tensor& slab) override;

 private:
  void reduce_scatter(const Tensor& slab);

  Ranks& ranks_;
  Slices slices_;
  std::vector<BucketExchange> rooms_;  // of the buckets under way
};

/// The sums of a library, by its blocking functions.
class LibraryWay final : public CollectiveWay {
 public:
  /// Of slabs of n elements, which R divides. Allocates a part of them. The arguments must outlive the object.
  LibraryWay(Communication& communication, const MessageLibrary& library, Device& device, int64_t n);
  std::string name() const override { return library_.name; }
  bool exact() const override { return false; }
  std::vector<Range> owned() const override { return {mine_}; }
  double run(Collective what, Tensor& slab) override;

 private:
  void check(const char* problem) const;

  Communication& communication_;
  const MessageLibrary& library_;
  Range mine_;
  Tensor part_;  // [n / R]
};

/// Gives `slab` numbers that all ranks know of each other, computes a collective of it, and compares every element of
/// the result with what it must be: the same bits, or within rounding for the sum of a library. Returns the seconds of
/// the slowest rank. Throws ErrorCode::numerical, naming the first wrong element. All ranks call it.
double timed_and_checked(Ranks& ranks, CollectiveWay& way, Collective what, Tensor& slab);

}  // namespace hewn::cli

#pragma once
// Checks that all ranks agree before they begin.

#include <string>
#include <vector>

#include "train/ranks/ranks.h"

namespace hewn {

/// A property of a rank that affects the bits of the result.
struct RankFact {
  std::string what;   ///< "the instruction set"
  std::string value;  ///< "avx2"
  /// The remedy if ranks differ; taken from the rank with the lowest `order`.
  std::string advice;
  int order = 0;
};

/// Compares the facts of all ranks, each with the same list in the same order. Throws usage on every rank if
/// one differs, naming ranks, hosts and values: "rank 1 (node2) has avx2 for the instruction set, but rank 0
/// (node1) has avx512; set HEWN_ISA=avx2". All ranks must call it.
void require_agreement(Ranks& ranks, const std::vector<RankFact>& facts);

/// Throws usage on every rank if two ranks on one host have the same GPU, identified by the `address` of its
/// slot, and names both. "": this rank has no GPU. All ranks must call it.
void require_own_gpus(Ranks& ranks, const std::string& address);

/// Throws usage if this host has fewer `gpus` than `ranks` to start, since each rank needs a GPU. The error
/// begins with `where`, the option that requests the ranks.
void require_gpu_each(const std::string& where, int64_t ranks, int64_t gpus);

/// The name of this host.
std::string name_of_host();

}  // namespace hewn

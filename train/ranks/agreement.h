#pragma once
// What must be equal on all ranks before they begin.

#include <string>
#include <vector>

#include "train/ranks/ranks.h"

namespace hewn {

/// A property of a rank, of which the bits of the result depend.
struct RankFact {
  std::string what;   ///< "the instruction set"
  std::string value;  ///< "avx2"
  /// What to do if others have another value; of the rank with the lowest `order`.
  std::string advice;
  int order = 0;
};

/// Compares the facts of all ranks, which list the same ones in the same order. Throws usage on every rank if one
/// differs, naming ranks, hosts and values: "rank 1 (node2) has avx2 for the instruction set, but rank 0 (node1) has
/// avx512; set HEWN_ISA=avx2". All ranks must call it.
void require_agreement(Ranks& ranks, const std::vector<RankFact>& facts);

/// Throws usage on every rank, naming two of them, if these have the same GPU: the `address` of its slot, on one host. "":
/// this rank has none of its own. All ranks must call it.
void require_own_gpus(Ranks& ranks, const std::string& address);

/// Throws usage if this host has fewer `gpus` than a number of `ranks` that are to start on it, since each needs one of its
/// own. The error begins with `where`, which asks for the ranks.
void require_gpu_each(const std::string& where, int64_t ranks, int64_t gpus);

/// The name of this host.
std::string name_of_host();

}  // namespace hewn

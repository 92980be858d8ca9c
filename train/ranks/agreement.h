#pragma once
// Checks that all ranks agree before they begin.

#include <string>
#include <vector>

#include "model/parameters.h"
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

// Detects faulty memory or processors: ranks whose parameters differ from the others'.

/// A checksum, 16 digits, of the values of all parameters, including frozen ones; with `as_sent`, of the bf16
/// copies of those that ranks send as copies (`ValueExchange`).
std::string checksum_of(const Parameters& parameters, bool as_sent = false);

/// Compares checksums of the values of all parameters, including frozen ones. All ranks call it, in step
/// number `step`. If the update is `divided`, each rank updating its own slices, compares the bf16 copies of
/// parameters that are sent as such. Throws failed on every rank if checksums differ, naming the ranks and
/// hosts outside the majority, or all of them if there is no majority.
void require_same_parameters(const Parameters& parameters, Ranks& ranks, int64_t step, bool divided = false);

}  // namespace hewn

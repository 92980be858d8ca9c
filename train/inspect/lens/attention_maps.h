#pragma once
// The attention probabilities of a pass. The fused operation stores no T x T matrix, so they are recomputed
// from its saved values.

#include <cstdint>
#include <vector>

#include "core/tape.h"
#include "model/config.h"

namespace hewn {

/// The attention of all heads of a layer over one sequence.
struct AttentionMaps {
  int64_t H = 0, T = 0;
  /// [H, T, T]: row i has the probabilities of query i over keys; 0 beyond i and outside of its window.
  std::vector<double> p;
  double at(int64_t h, int64_t i, int64_t j) const { return p[static_cast<size_t>((h * T + i) * T + j)]; }
};

/// The maps of a recorded node of the fused operation (`causal_attention_packed`) over one sequence, from its own saved
/// queries, keys and log-sums: p_ij = exp(q_i . k_j / sqrt(D) - lse_i). `config` has heads and window.
AttentionMaps attention_maps(const Node& node, const ModelConfig& config);

/// Means over the queries of a head, without the first, which attends only to itself.
struct HeadFigures {
  double entropy = 0;   ///< of the probabilities, in nats
  double distance = 0;  ///< from query to key, in tokens, weighted by the probabilities
  double previous = 0;  ///< probability of the previous token
};
HeadFigures figures_of(const AttentionMaps& maps, int64_t head);

/// For a sequence whose tokens repeat after `period`: the mean probability, over queries in the repetition,
/// of the token after the earlier occurrence of the query's token (Olsson et al., "In-context learning and
/// induction heads", 2022).
double induction_score(const AttentionMaps& maps, int64_t head, int64_t period);

}  // namespace hewn

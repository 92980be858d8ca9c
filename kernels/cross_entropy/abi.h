#pragma once

#include "kernels/contract/launch.h"

namespace hewn {

// Cross entropy in steps that also work on one chunk of rows at a time, so that the logits of a whole batch
// need not exist: count the kept rows once; then per chunk compute the losses and the gradient; average once.
// A target is a column, or -100 for a row that is left out. Pointers refer to the chunk's first row.

inline constexpr int32_t ignored_target = -100;

/// *kept = the number of targets that are not -100.
struct CountTargets {
  int64_t rows;
  const int32_t* targets;  ///< [rows]
  int64_t* kept;           ///< []
};

/// With m = max_j logits[r, j] and s = sum_j exp(logits[r, j] - m):
/// losses[r] = log s + m - logits[r, targets[r]] (0 where ignored), stats[r, :] = (m, s).
struct CrossEntropyForward {
  DType dtype;
  int64_t rows, cols;
  const void* logits;      ///< [rows, cols]
  const int32_t* targets;  ///< [rows]
  void* losses;            ///< [rows]
  void* stats;             ///< [rows, 2]; separate, since m + log s would round away digits of log s
};

/// dlogits[r, j] (set or add) dloss / kept (exp(logits[r, j] - m) / s - [j = targets[r]]); 0 where ignored.
struct CrossEntropyBackward {
  DType dtype;
  int64_t rows, cols;
  const void* logits;      ///< [rows, cols]
  const int32_t* targets;  ///< [rows]
  const void* stats;       ///< [rows, 2] of the forward pass
  const void* dloss;       ///< []: gradient of the mean loss
  const int64_t* kept;     ///< []
  void* dlogits;           ///< [rows, cols]; may be `logits` itself if it is set
  Write to_dlogits;
};

/// Forward and backward pass in one, for logits that are needed only once: losses[r] as in
/// CrossEntropyForward and, if `gradient`, the logits replaced by w_r (exp(logits[r, j] - m) / s - [j =
/// targets[r]]), 0 where ignored: with w_r = 1 / kept the gradient of the mean loss, with `weights` that of
/// sum_r weights[r] losses[r]. The padding of each row, elements cols to ld, is then set to 0.
struct CrossEntropyFused {
  DType dtype;  ///< of the logits: f32, f64 or bf16
  int64_t rows, cols;
  int64_t ld;                     ///< distance between rows in elements, at least cols
  void* logits;                   ///< [rows, ld]
  const int32_t* targets;         ///< [rows]
  const int64_t* kept;            ///< []; not read with weights or without a gradient
  void* losses;                   ///< [rows], f32 for bf16 logits
  bool gradient;                  ///< false: the logits stay unchanged
  const void* weights = nullptr;  ///< [rows], of the losses' type, or null
};

/// *loss = sum_r losses[r] / *kept, summed in double in a fixed order.
struct MeanLoss {
  DType dtype;
  int64_t rows;
  const void* losses;   ///< [rows], 0 where ignored
  const int64_t* kept;  ///< []
  void* loss;           ///< []
};

const Ladder<CountTargets>& ladder_of(const CountTargets&);
const Ladder<CrossEntropyForward>& ladder_of(const CrossEntropyForward&);
const Ladder<CrossEntropyBackward>& ladder_of(const CrossEntropyBackward&);
const Ladder<CrossEntropyFused>& ladder_of(const CrossEntropyFused&);
const Ladder<MeanLoss>& ladder_of(const MeanLoss&);

}  // namespace hewn

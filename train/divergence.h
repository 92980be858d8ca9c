#pragma once
// Where two devices part: the same work on both, node by node of the tape.

#include <span>
#include <string>

#include "train/trainer.h"

namespace hewn {

/// How far values may be apart, |difference| / |value| by norm, and still be the same work in this dtype
/// rounded another way: 1e-3 in float32, 1e-9 in float64, 5e-2 in mixed precision. Backward passes add up
/// what forward passes lost, so the losses of steps (`loss_tolerance`) agree better than that.
double node_tolerance(DType dtype);
/// How far the losses of a step may be apart: 1e-4 in float32, 1e-10 in float64, 1e-2 in mixed precision.
double loss_tolerance(DType dtype);

/// Runs the forward and backward passes of these batches on both, without an update, and names the first
/// place where `other` differs from `reference` by more than the tolerance: "h.2.attn softmax, gradient of
/// input 0: 0.12 apart by norm, 0.001 allowed". Parameters are compared first. "" where all agree. Both
/// models have the same shape. Holds all values of the reference's passes in host memory.
std::string first_divergence(Trainer& reference, Trainer& other, std::span<const Batch> micro_batches,
                             double tolerance);

}  // namespace hewn

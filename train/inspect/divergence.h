#pragma once
// Finds where two devices diverge, by comparing the same work on both node by node of the tape.

#include <span>
#include <string>
#include <vector>

#include "train/step/trainer.h"

namespace hewn {

/// The largest |difference| / |value|, by norm, that different rounding can explain: 1e-3 in float32, 1e-9 in
/// float64, 5e-2 in mixed precision. Rounding errors of the forward pass grow in the backward pass, so losses
/// agree more closely (`loss_tolerance`).
double node_tolerance(DType dtype);
/// The largest difference between the losses of a step: 1e-4 in float32, 1e-10 in float64, 1e-2 in mixed precision.
double loss_tolerance(DType dtype);

/// Runs the forward and backward passes of these batches on both, without an update, and names the first node
/// at which `other` differs from `reference` by more than the tolerance: "h.2.attn softmax, gradient of input
/// 0: 0.12 apart by norm, 0.001 allowed". Compares parameters first. Returns "" if all agree. Both models
/// must have the same shape. Keeps all values of the reference's passes in host memory.
std::string first_divergence(Trainer& reference, Trainer& other, std::span<const Batch> micro_batches,
                             double tolerance);

// The distance between two tensors.

/// |other - reference| / |reference| by norm. NaN and infinities equal only themselves; otherwise the
/// distance is infinite. If the reference is nearly zero throughout, relative to 1e-6 per element.
double distance_by_norm(const std::vector<double>& other, const std::vector<double>& reference);

}  // namespace hewn

#pragma once
// Models with adapters merged into their weights: W + s A^T B instead of W.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/adapters/adapter_files.h"
#include "model/weights/foreign.h"

namespace hewn {

/// An adapter and the factor of its change.
struct WeighedAdapter {
  AdapterFiles files;
  double weight = 1;
};

/// The model `base` under the configuration `config`, which may have a shorter context, a head for classification or
/// other settings that do not change its shapes. Sums are in double precision and rounded once, so merged values have
/// the same bits everywhere. All values are computed here and kept in memory, as f64 if the base is f64, else
/// as f32. If several adapters hold a parameter as a whole, the last one wins. Throws like `check_fit`.
ForeignModel merged(const ForeignModel& base, const ModelConfig& config,
                    const std::vector<WeighedAdapter>& adapters);

/// Identifies the weights of a model by their values as f32, whatever file they come from.
uint64_t hash_of_weights(const ForeignModel& model);

}  // namespace hewn

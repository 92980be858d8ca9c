#include "train/step/gradient_groups.h"

#include <bit>

#include "core/error.h"
#include "kernels/copy/op.h"

namespace hewn {

GradientGroups::GradientGroups(Parameters& parameters, int64_t groups) : parameters_(parameters) {
  require(groups > 0 && std::has_single_bit(static_cast<uint64_t>(groups)), groups,
          " groups of micro-steps; expected a power of two");
  for (int64_t half = groups; half > 1; half /= 2) {
    further_.push_back(parameters.slab_like_values(MemUse::gradient));
    slabs_.push_back(further_.back().get());
  }
  slabs_.push_back(parameters.slab().grads.get());
}

int GradientGroups::slab_of(int64_t group) { return std::countr_one(static_cast<uint64_t>(group)); }

void GradientGroups::begin(int64_t group) {
  if (count() > 1) parameters_.write_grads_to(*slabs_[static_cast<size_t>(slab_of(group))]);
}

void GradientGroups::end(int64_t group) {
  parameters_.complete_grads();
  add_subtrees(static_cast<size_t>(slab_of(group)), {0, parameters_.slab().n});
}

void GradientGroups::add_subtrees(Range elements) { add_subtrees(slabs_.size() - 1, elements); }

/// slab `last` += slab 0, then slab 1, and so on, in this range.
void GradientGroups::add_subtrees(size_t last, Range elements) {
  const auto part = [&](size_t i) { return part_of(elements_of(*slabs_[i], parameters_.dtype()), elements); };
  for (size_t i = 0; i < last; ++i) copy_into(part(last), part(i), Write::add);
}

}  // namespace hewn

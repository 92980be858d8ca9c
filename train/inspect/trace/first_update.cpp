#include "train/inspect/trace/first_update.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "train/step/optimizer.h"

namespace hewn {

void take_first_update(Model& model, Trace& trace, int64_t most_values) {
  Parameters& parameters = model.parameters();
  std::vector<std::pair<Tensor, Tensor>> kept;  // the values of a parameter and a copy of them
  for (const Parameter* p : parameters.slab().members)
    kept.emplace_back(p->value.detached(), p->value.detached().clone());
  parameters.complete_grads();
  const OptimizerConfig config;
  Optimizer optimizer(parameters, config);
  StepState state{.learning_rate = ScheduleConfig().learning_rate};
  Tensor on_device = Tensor::empty(model.device(), DType::u8, {static_cast<int64_t>(sizeof state)});
  on_device.upload(&state);
  optimizer.step(on_device);
  std::memcpy(&state, on_device.values<uint8_t>().data(), sizeof state);
  trace.update = TracedUpdate{config, state.learning_rate, state.grad_norm, state.clip_factor};
  const auto leaf_of = [&](const std::string& name) {
    return std::find_if(trace.leaves.begin(), trace.leaves.end(),
                        [&](const TracedLeaf& leaf) { return leaf.name == name; });
  };
  for (const Optimizer::Moment& moment : optimizer.moments()) {
    const auto leaf = leaf_of(moment.name.substr(2));  // behind "m." or "v."
    if (leaf == trace.leaves.end()) continue;
    (moment.name[0] == 'm' ? leaf->m : leaf->v) = summarise(moment.value(), most_values);
  }
  for (const Parameter* p : parameters.slab().members)
    if (const auto leaf = leaf_of(p->name); leaf != trace.leaves.end())
      leaf->updated = summarise(p->value, most_values);
  for (auto& [value, copy] : kept) value.copy_from(copy);
}

}  // namespace hewn

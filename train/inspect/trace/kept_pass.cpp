#include "train/inspect/trace/kept_pass.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text.h"
#include "train/inspect/divergence.h"
#include "train/step/optimizer.h"

namespace hewn {
namespace {

KeptDistance between(const KeptTensor& other, const KeptTensor& reference) {
  const bool none = other.grad.empty() && reference.grad.empty();
  return {.place = reference.place,
          .value = distance_by_norm(other.value, reference.value),
          .grad = none ? std::nan("") : distance_by_norm(other.grad, reference.grad)};
}

}  // namespace

void PassKeeper::recorded(const Node& node, const Tensor& y) {
  if (!is_float(y.dtype()) || node.info().name == std::string_view("cast")) return;
  of_node_[node.id] = nodes_.size();
  nodes_.push_back({place_of(node), y.doubles(), {}});
}

void PassKeeper::before_backward(const Node& node, const Tensor& dy) {
  if (const auto at = of_node_.find(node.id); at != of_node_.end()) nodes_[at->second].grad = dy.doubles();
}

void PassKeeper::note_leaf(const std::string& name, const Tensor& leaf) {
  const Tensor grad = grad_of(leaf);
  leaves_.push_back({name, leaf.doubles(), grad.defined() ? grad.doubles() : std::vector<double>()});
}

PassDistance distance_of(const PassKeeper& other, const PassKeeper& reference) {
  PassDistance result;
  for (size_t i = 0; i < reference.nodes().size() && result.parted.empty(); ++i) {
    const KeptTensor& node = reference.nodes()[i];
    if (i == other.nodes().size())
      result.parted = join(node.place, ", where the other tape ends");
    else if (other.nodes()[i].place != node.place)
      result.parted = join(node.place, ", where the other tape has ", other.nodes()[i].place);
    else
      result.nodes.push_back(between(other.nodes()[i], node));
  }
  if (result.parted.empty() && other.nodes().size() > reference.nodes().size())
    result.parted = join(other.nodes()[reference.nodes().size()].place, ", which only the other tape has");
  for (const KeptTensor& leaf : reference.leaves())
    for (const KeptTensor& same : other.leaves())
      if (same.place == leaf.place) result.leaves.push_back(between(same, leaf));
  return result;
}

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

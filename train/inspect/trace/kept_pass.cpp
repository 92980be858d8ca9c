#include "train/inspect/trace/kept_pass.h"

#include <cmath>
#include <string_view>

#include "core/text.h"
#include "train/inspect/distance.h"

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

}  // namespace hewn

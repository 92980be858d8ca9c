#include "train/inspect/trace/trace.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace hewn {
namespace {

// Bytes of a saved value: views count their own elements only.
size_t bytes_of(const SavedField& field) { return field.value->defined() ? field.value->peek().bytes() : 0; }

}  // namespace

double seconds_of(const std::vector<TracedLaunch>& launches) {
  double sum = 0;
  for (const TracedLaunch& launch : launches) sum += launch.kernel.seconds;
  return sum;
}

void TraceRecorder::recorded(const Node& node, const Tensor& y) {
  claim_forward(node);
  device_ = &y.device();
  TracedNode traced{.id = node.id, .scope = Scope::path(node.scope), .info = &node.info()};
  const std::vector<Edge> edges = Tape::current()->edges(static_cast<size_t>(node.id));
  for (size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].from == Edge::From::leaf) leaf(edges[i].name).consumers.emplace_back(node.id, i);
    traced.inputs.push_back({edges[i]});
  }
  traced.value = summarise(y, most_values_);
  for (const SavedField& field : node.saved()) traced.saved.push_back({field.name, bytes_of(field)});
  if (keeps_tensors_) {
    traced.tensors = std::make_shared<NodeTensors>();
    traced.tensors->y = y.detached();
    for (const SavedField& field : node.saved()) traced.tensors->saved[field.name] = field.value->peek();
  }
  trace_.nodes.push_back(std::move(traced));
  add_event({.kind = TraceEvent::Kind::recorded, .node = node.id}, y.device());
}

void TraceRecorder::reads(const Node& node, std::span<const Tensor> inputs) {
  TracedNode& traced = trace_.nodes.at(static_cast<size_t>(node.id));
  for (size_t i = 0; i < inputs.size(); ++i)
    if (traced.inputs[i].edge.from == Edge::From::constant)
      traced.inputs[i].constant = summarise(inputs[i], most_values_);
  if (!keeps_tensors_) return;
  for (const Tensor& input : inputs)
    traced.tensors->inputs.push_back(input.defined() ? input.detached() : Tensor());
}

void TraceRecorder::before_backward(const Node& node, const Tensor& dy) {
  leave_launches();
  TracedNode& traced = trace_.nodes.at(static_cast<size_t>(node.id));
  traced.grad = summarise(dy, most_values_);
  if (keeps_tensors_) traced.tensors->dy = dy.detached();
}

void TraceRecorder::after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) {
  claim_backward(node);
  TracedInput& traced = trace_.nodes.at(static_cast<size_t>(node.id)).inputs.at(input);
  traced.write = how;
  if (keeps_sums_ && how != Contribution::none) traced.grad_so_far = summarise(grad, most_values_);
  if (grad.defined()) device_ = &grad.device();
  if (trace_.events.empty() || trace_.events.back().kind != TraceEvent::Kind::backward ||
      trace_.events.back().node != node.id)
    add_event({.kind = TraceEvent::Kind::backward, .node = node.id}, *device_);
}

void TraceRecorder::completed(const Variable& variable) {
  leaf(variable.name).grad = summarise(variable.grad, most_values_);
  add_event({.kind = TraceEvent::Kind::completed, .leaf = variable.name}, variable.grad.device());
}

void TraceRecorder::freed(int64_t id) {
  for (TracedSaved& saved : trace_.nodes.at(static_cast<size_t>(id)).saved) saved.freed_by = id;
  add_event({.kind = TraceEvent::Kind::freed, .node = id}, *device_);
}

TapeObserver* TraceRecorder::inside(const Node& node) {
  auto& recorder = inside_[node.id];
  recorder = std::make_unique<TraceRecorder>(most_values_);
  recorder->claims_ = claims_;
  recorder->is_inside_ = true;
  return recorder.get();
}

void TraceRecorder::note_leaf(const std::string& name, const Tensor& value) {
  leaf(name).value = summarise(value, most_values_);
}

// The launches since the last claim computed y, except those of parts of the model that recorded no node, as they depend
// on nothing that requires a gradient.
void TraceRecorder::claim_forward(const Node& node) {
  if (!claims_) return;
  const std::string& part = Scope::path(node.scope);
  const auto& launches = claims_->profile.launches();
  for (size_t i = claims_->claims.size(); i < launches.size(); ++i) {
    const bool ours = part.empty() || (Scope::path(launches[i].scope) + ".").starts_with(part + ".");
    claims_->claims.push_back({ours ? this : nullptr, node.id, Phase::forward});
  }
}

void TraceRecorder::claim_backward(const Node& node) {
  if (claims_) claims_->claims.resize(claims_->profile.launches().size(), {this, node.id, Phase::backward});
}

void TraceRecorder::leave_launches() {
  if (claims_) claims_->claims.resize(claims_->profile.launches().size());
}

void TraceRecorder::hand_out_launches() {
  leave_launches();
  for (size_t i = 0; i < claims_->claims.size(); ++i) {
    const Claims::Claim& claim = claims_->claims[i];
    const StepProfile::Launch& kernel = claims_->profile.launches()[i];
    Trace& trace = claim.by ? claim.by->trace_ : trace_;
    auto& launches = claim.by ? trace.nodes.at(static_cast<size_t>(claim.node)).launches : trace.launches;
    launches.push_back({kernel, claim.by ? claim.phase : kernel.phase});
  }
}

Trace TraceRecorder::take() {
  if (claims_ && !is_inside_) hand_out_launches();
  for (auto& [node, recorder] : inside_)
    trace_.nodes.at(static_cast<size_t>(node)).inside = std::make_shared<Trace>(recorder->take());
  return std::exchange(trace_, {});
}

TracedLeaf& TraceRecorder::leaf(const std::string& name) {
  const auto at = std::find_if(trace_.leaves.begin(), trace_.leaves.end(),
                               [&](const TracedLeaf& l) { return l.name == name; });
  if (at != trace_.leaves.end()) return *at;
  trace_.leaves.push_back({.name = name});
  return trace_.leaves.back();
}

void TraceRecorder::add_event(TraceEvent event, const Device& device) {
  event.bytes = device.pool().stats().live;
  trace_.events.push_back(std::move(event));
}

}  // namespace hewn

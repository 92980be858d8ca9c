#include "core/tape.h"

#include <algorithm>
#include <utility>

#include "core/error.h"

namespace hewn {
namespace {

thread_local Tape* current_tape = nullptr;
thread_local int no_grad_depth = 0;

bool is_leaf(const Variable& v) { return v.node < 0; }

template <class Tensors>
bool records(const Tensors& inputs) {
  return Tape::current() != nullptr &&
         std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.requires_grad(); });
}

/// A tensor with t's shape, dtype and device, but without its memory.
Tensor outline(const Tensor& t) {
  auto nothing = std::make_shared<Storage>();
  nothing->device = &t.device();
  nothing->bytes = t.bytes();
  nothing->name = t.storage()->name;
  return Tensor::over(std::move(nothing), t.dtype(), t.shape());
}

void add_into(const Tensor& sum, const Tensor& term) {
  sum.device().add(sum.dtype(), sum.numel(), sum.data(), term.data());
}

}  // namespace

void require_grad(Tensor& t, std::string name, Tensor grad_buffer) {
  require(is_float(t.dtype()), "a tensor of dtype ", name_of(t.dtype()), " cannot require a gradient");
  require(!t.variable(), "tensor ", name, " is already on the tape");
  auto variable = std::make_shared<Variable>();
  variable->name = std::move(name);
  variable->grad = std::move(grad_buffer);
  t.set_variable(std::move(variable));
}

Tensor grad_of(const Tensor& leaf) {
  require(leaf.requires_grad(), "gradient of a tensor that does not require one");
  return leaf.variable()->has_grad ? leaf.variable()->grad : Tensor();
}

void clear_grad(const Tensor& leaf) {
  require(leaf.requires_grad(), "gradient of a tensor that does not require one");
  leaf.variable()->has_grad = false;
}

Saved::Saved(const Tensor& t) : tensor_(t.detached()), version_(t.defined() ? t.storage()->version : 0) {}

const Tensor& Saved::get() const {
  if (tensor_.defined() && tensor_.storage()->version != version_)
    fail(ErrorCode::failed, "a tensor of shape ", tensor_.shape(),
         " saved for the backward pass was changed in place: version ", tensor_.storage()->version,
         ", saved at version ", version_, "; clone() it before changing it in place");
  return tensor_;
}

Grads::Target Grads::at(size_t i) {
  Variable& v = *inputs_[i];
  const Tensor& like = likes_[i];
  if (!v.grad.defined()) v.grad = Tensor::empty(like.device(), like.dtype(), like.shape());
  if (!v.has_grad) {
    v.has_grad = true;
    note(i, Contribution::set);
    return {v.grad, Write::set};
  }
  note(i, Contribution::add);
  // A gradient that was passed on may still be read elsewhere through another tensor; add to a copy then.
  if (!is_leaf(v) && v.grad.storage().use_count() > 1) v.grad = v.grad.clone();
  return {v.grad, Write::add};
}

void Grads::at(size_t i, void*& data, Write& write) {
  if (!wants(i)) return;
  const Target target = at(i);
  data = target.tensor.data(), write = target.write;
}

void Grads::give(size_t i, const Tensor& grad) {
  Variable& v = *inputs_[i];
  require(grad.shape() == likes_[i].shape() && grad.dtype() == likes_[i].dtype(), "gradient of shape ",
          grad.shape(), " for an input of shape ", likes_[i].shape(), "; shape and dtype must be the same");
  if (!is_leaf(v) && !v.has_grad) {
    v.grad = grad.detached();
    v.has_grad = true;
    note(i, Contribution::give);
    return;
  }
  auto [sum, write] = at(i);
  if (write == Write::set)
    sum.copy_from(grad);
  else
    add_into(sum, grad);
}

std::string place_of(const Node& node) {
  const std::string& scope = Scope::path(node.scope);
  return scope.empty() ? node.info().name : scope + " " + node.info().name;
}

Tape::Tape() : outer_(current_tape) { current_tape = this; }

Tape::~Tape() {
  clear();
  current_tape = outer_;
}

Tape* Tape::current() { return no_grad_depth > 0 ? nullptr : current_tape; }

NoGrad::NoGrad() { ++no_grad_depth; }
NoGrad::~NoGrad() { --no_grad_depth; }

WithGrad::WithGrad() : no_grad_depth_(std::exchange(no_grad_depth, 0)) {}
WithGrad::~WithGrad() { no_grad_depth = no_grad_depth_; }

bool recording(std::initializer_list<Tensor> inputs) { return records(inputs); }

Tensor record(Tensor y, std::initializer_list<Tensor> inputs, std::unique_ptr<Node> node) {
  if (!recording(inputs)) return y;
  return Tape::current()->push(std::move(y), inputs.begin(), inputs.size(), std::move(node));
}

Tensor record(Tensor y, const std::vector<Tensor>& inputs, std::unique_ptr<Node> node) {
  if (!records(inputs)) return y;
  return Tape::current()->push(std::move(y), inputs.data(), inputs.size(), std::move(node));
}

Tensor Tape::push(Tensor y, const Tensor* inputs, size_t n_inputs, std::unique_ptr<Node> node) {
  node->id = static_cast<int64_t>(entries_.size());
  node->scope = Scope::current();
  node->shape = y.shape();
  Entry entry;
  entry.inputs.reserve(n_inputs);
  entry.likes.reserve(n_inputs);
  for (size_t i = 0; i < n_inputs; ++i) {
    const auto& variable = inputs[i].variable();
    entry.inputs.push_back(variable);
    entry.likes.push_back(inputs[i].defined() ? outline(inputs[i]) : Tensor());
    if (variable && is_leaf(*variable)) ++variable->consumers;
  }
  entry.output = std::make_shared<Variable>();
  entry.output->tape = this;
  entry.output->node = node->id;
  entry.node = std::move(node);
  y.set_variable(entry.output);
  entries_.push_back(std::move(entry));
  if (observer_) {
    observer_->recorded(*entries_.back().node, y);
    observer_->reads(*entries_.back().node, {inputs, n_inputs});
  }
  return y;
}

std::vector<Edge> Tape::edges(size_t id) const {
  const Entry& entry = entries_.at(id);
  std::vector<Edge> edges(entry.inputs.size());
  for (size_t i = 0; i < edges.size(); ++i) {
    const Tensor& like = entry.likes[i];
    if (!like.defined()) continue;
    const Variable* variable = entry.inputs[i].get();
    edges[i].shape = like.shape();
    edges[i].dtype = like.dtype();
    if (!variable) {
      edges[i].from = Edge::From::constant;
      if (like.storage()->name) edges[i].name = like.storage()->name;
    } else if (variable->tape == this) {
      edges[i].from = Edge::From::node;
      edges[i].node = variable->node;
    } else {  // a leaf, or what another tape has computed
      edges[i].from = Edge::From::leaf;
      edges[i].name = variable->name;
    }
  }
  return edges;
}

void Tape::backward(const Tensor& y, const BackwardOptions& options, double seed) {
  require(y.numel() == 1, "backward from a tensor of shape ", y.shape(),
          " needs an initial gradient, because it has more than one element");
  Tensor dy = y.like();
  if (y.dtype() == DType::f64) {
    dy.upload(&seed);
  } else {
    require(y.dtype() == DType::f32, "backward from a loss of dtype ", name_of(y.dtype()),
            "; expected f32 or f64");
    const auto narrow = static_cast<float>(seed);
    dy.upload(&narrow);
  }
  backward(y, dy, options);
}

void Tape::backward(const Tensor& y, const Tensor& dy, const BackwardOptions& options) {
  const auto& output = y.variable();
  require(output && output->tape == this && static_cast<size_t>(output->node) < entries_.size() &&
              entries_[static_cast<size_t>(output->node)].output == output,
          "backward from a tensor that is not on this tape");
  require(!entries_[static_cast<size_t>(output->node)].settled,
          "backward has already run on this tape; record a new one");
  require(dy.shape() == y.shape() && dy.dtype() == y.dtype(), "gradient of shape ", dy.shape(),
          " for a tensor of shape ", y.shape(), "; shape and dtype must be the same");
  const NoGrad none;
  const InPhase phase(Phase::backward);
  Variable& start = *output;
  start.grad = dy.detached();
  start.has_grad = true;
  for (auto i = static_cast<int64_t>(entries_.size()) - 1; i >= 0; --i) {
    Entry& entry = entries_[static_cast<size_t>(i)];
    if (!entry.node) continue;
    if (entry.output->has_grad) run(entry, options);
    settle(entry, options);
  }
  if (!options.keep) entries_.clear();
}

void Tape::run(Entry& entry, const BackwardOptions& options) {
  const ScopeAt scope(entry.node->scope);
  const InOp op(entry.node->info());
  Tensor dy = options.keep ? entry.output->grad : std::move(entry.output->grad);
  if (observer_) observer_->before_backward(*entry.node, dy);
  Grads grads(entry.inputs, entry.likes, options, observer_);
  entry.node->backward(dy, grads);
  if (observer_)
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      if (entry.inputs[i]) observer_->after_backward(*entry.node, i, entry.inputs[i]->grad, grads.made_[i]);
}

/// Marks the node as finished: leaves for which it was the last consumer are complete; its saved values are freed.
void Tape::settle(Entry& entry, const BackwardOptions& options) {
  entry.settled = true;
  if (!options.keep) {
    const int64_t id = entry.node->id;
    entry.node.reset();
    entry.output->has_grad = false;
    if (observer_) observer_->freed(id);
  }
  for (const auto& v : entry.inputs) {
    if (!v || !is_leaf(*v) || --v->consumers > 0 || !v->has_grad) continue;
    if (observer_) observer_->completed(*v);
    for (const LeafHook& hook : v->hooks)
      if (options.last_micro_step || !hook.last_micro_step_only) hook.call(v->grad);
  }
}

void Tape::clear() {
  for (const Entry& entry : entries_)
    for (const auto& v : entry.inputs)
      if (v && is_leaf(*v) && !entry.settled) --v->consumers;
  entries_.clear();
}

}  // namespace hewn

#include "train/inspect/gradcheck/loss_probe.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/text.h"
#include "kernels/contract/launch.h"

namespace hewn {
namespace {

int64_t counted(const Batch& batch) {
  return std::ssize(batch.targets) - std::count(batch.targets.begin(), batch.targets.end(), ignored_target);
}

/// Calls a function on every recorded value.
class Displacer final : public TapeObserver {
 public:
  explicit Displacer(const std::function<void(const Node&, const Tensor&)>& displace) : displace_(displace) {}
  void recorded(const Node& node, const Tensor& y) override { displace_(node, y); }

 private:
  const std::function<void(const Node&, const Tensor&)>& displace_;
};

/// Passes everything on to `first`, then notes it.
class PassRecorder final : public TapeObserver {
 public:
  PassRecorder(const Tape& tape, TapeObserver* first) : tape_(tape), first_(first) {}

  void recorded(const Node& node, const Tensor& y) override {
    if (first_) first_->recorded(node, y);
    NodeValues values{.place = place_of(node),
                      .info = &node.info(),
                      .inputs = {},
                      .shape = y.shape(),
                      .value = y.doubles(),
                      .grad = {},
                      .is_view = !memory_.insert(y.storage().get()).second};
    outputs_.push_back(y.detached());  // keeps the memory, so that its address stays unique
    pass.nodes.push_back(std::move(values));
  }
  void before_backward(const Node& node, const Tensor& dy) override {
    if (first_) first_->before_backward(node, dy);
    pass.nodes[static_cast<size_t>(node.id)].grad = dy.doubles();
  }
  void after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) override {
    if (first_) first_->after_backward(node, input, grad, how);
    const std::string key = tensor_key(pass.nodes[static_cast<size_t>(node.id)].inputs[input]);
    Use use{.node = node.id, .how = how, .after = {}};
    if (shared_.contains(key) && grad.defined()) use.after = grad.doubles();
    pass.uses[key].push_back(std::move(use));
  }
  void reads(const Node& node, std::span<const Tensor> inputs) override {
    if (first_) first_->reads(node, inputs);
  }
  void completed(const Variable& leaf) override {
    if (first_) first_->completed(leaf);
  }
  void freed(int64_t id) override {
    if (first_) first_->freed(id);
  }
  TapeObserver* inside(const Node& node) override { return first_ ? first_->inside(node) : nullptr; }

  /// Notes the nodes' inputs, and which tensors several nodes use; between the two passes.
  void forward_done() {
    std::set<std::string> once;
    for (size_t id = 0; id < pass.nodes.size(); ++id) {
      pass.nodes[id].inputs = tape_.edges(id);
      for (const Edge& edge : pass.nodes[id].inputs)
        if (const std::string key = tensor_key(edge); !once.insert(key).second) shared_.insert(key);
    }
  }

  TapePass pass;

 private:
  const Tape& tape_;
  TapeObserver* first_;
  std::set<const Storage*> memory_;
  std::vector<Tensor> outputs_;
  std::set<std::string> shared_;
};

}  // namespace

std::string tensor_key(const Edge& edge) {
  if (edge.from == Edge::From::node) return join("#", edge.node);
  return edge.from == Edge::From::leaf ? edge.name : "";
}

LossProbe::LossProbe(Model& model, std::span<const Batch> batches, uint64_t seed, bool recompute)
    : model_(model) {
  for (const Batch& batch : batches) targets_ += counted(batch);
  require(targets_ > 0, "a gradient check needs a target that is not ignored");
  Device& device = model.device();
  for (const Batch& batch : batches) {
    if (counted(batch) == 0) continue;
    const Shape shape{batch.rows, batch.block_size};
    inputs_.push_back({Tensor::from(device, batch.tokens, shape), Tensor::from(device, batch.targets, shape),
                       static_cast<double>(counted(batch)) / static_cast<double>(targets_)});
  }
  options_.recompute = recompute;
  if (model.config().dropout > 0) {
    const StepState state{.seed = seed};
    std::vector<uint8_t> bytes(sizeof state);
    std::memcpy(bytes.data(), &state, sizeof state);
    options_.step_state = Tensor::from(device, bytes, {std::ssize(bytes)});
  }
}

Tensor LossProbe::loss_of(const Input& input) {
  ++evaluations_;
  return model_.loss(input.tokens, input.targets, options_);
}

double LossProbe::loss() {
  const NoGrad none;
  double sum = 0;
  for (const Input& input : inputs_) sum += input.share * loss_of(input).item();
  return sum;
}

void LossProbe::backward(TapeObserver* observer) {
  model_.parameters().clear_grads();
  for (const Input& input : inputs_) {
    Tape tape;
    tape.observe(observer);
    const Tensor loss = loss_of(input);
    tape.backward(loss, {}, input.share);
  }
  model_.parameters().complete_grads();
}

double LossProbe::displaced(const std::function<void(const Node&, const Tensor&)>& displace) {
  Displacer displacer(displace);
  Tape tape;
  tape.observe(&displacer);
  return loss_of(inputs_[0]).item();
}

TapePass LossProbe::record(TapeObserver* observer) {
  model_.parameters().clear_grads();
  Tape tape;
  PassRecorder recorder(tape, observer);
  tape.observe(&recorder);
  const Tensor loss = loss_of(inputs_[0]);
  recorder.forward_done();
  tape.backward(loss);
  return std::move(recorder.pass);
}

}  // namespace hewn

#pragma once
// A model's loss in double precision as a function of its parameters and of the values on its tape, both of
// which a gradient check displaces.

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "model/model.h"
#include "train/data/batches.h"

namespace hewn {

/// A node that uses a tensor, and the tensor's gradient after the node's backward.
struct Use {
  int64_t node = -1;
  Contribution how = Contribution::none;
  std::vector<double> after;  ///< only if several nodes use the tensor
};

/// The value of a node's output and the gradient that the tape computed for it.
struct NodeValues {
  std::string place;  ///< "h.0.attn softmax", see `place_of`
  const OpInfo* info = nullptr;
  std::vector<Edge> inputs;
  Shape shape;
  std::vector<double> value, grad;  ///< row-major; no gradient if the backward pass did not reach the node
  /// Whether the output shares its memory with an earlier node's: it cannot be displaced alone.
  bool is_view = false;
};

/// The results of one pass over the tape.
struct TapePass {
  std::vector<NodeValues> nodes;
  /// By `tensor_key`; each list is in the order of the backward pass.
  std::map<std::string, std::vector<Use>> uses;
};

/// The name of a leaf, or "#3" for the output of node 3; "" for edges without a gradient.
std::string tensor_key(const Edge& edge);

/// The loss of batches, weighted by their targets as in a training step.
class LossProbe {
 public:
  /// The model must have gradients. Dropout uses the masks of `seed`. `recompute` as in `ForwardOptions`.
  /// Throws usage if all targets are ignored.
  LossProbe(Model& model, std::span<const Batch> batches, uint64_t seed, bool recompute);

  Model& model() { return model_; }
  /// The number of targets that are not ignored.
  int64_t targets() const { return targets_; }
  /// Rows and columns of the first batch.
  int64_t rows() const { return inputs_[0].tokens.dim(0); }
  int64_t length() const { return inputs_[0].tokens.dim(1); }
  /// The number of losses computed so far, the measure of a check's cost.
  int64_t evaluations() const { return evaluations_; }

  /// The loss at the parameters' present values.
  double loss();
  /// Computes the gradient of every parameter by the tape, observed by `observer` if given.
  void backward(TapeObserver* observer = nullptr);
  /// The loss with `displace` called on every value of the first batch's tape as soon as it is recorded.
  double displaced(const std::function<void(const Node&, const Tensor&)>& displace);
  /// The values and gradients of the nodes on the first batch's tape, for the loss of that batch only, and
  /// their contributions to the leaves' gradients. `observer` sees the pass before it is recorded.
  TapePass record(TapeObserver* observer = nullptr);

 private:
  struct Input {
    Tensor tokens, targets;
    double share;  // of the targets
  };
  Tensor loss_of(const Input& input);

  Model& model_;
  std::vector<Input> inputs_;
  ForwardOptions options_;
  int64_t targets_ = 0, evaluations_ = 0;
};

}  // namespace hewn

#pragma once
// Classic mistakes in a backward pass, made on purpose on the tape of a real model: an observer changes the
// contributions of nodes. The operations themselves are unchanged.

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/tape.h"

namespace hewn {

class MistakeMaker;

/// A common mistake in a backward pass.
struct Mistake {
  const char* name;     ///< "no-add"
  const char* summary;  ///< "a second contribution to a gradient replaces the first"
  const char* needs;    ///< required configuration: "dropout > 0"; "" if none
  /// Changes the gradient of an input of a node after the node's backward pass; see MistakeMaker.
  void (*change)(MistakeMaker& at);
};

/// All of them.
std::span<const Mistake> mistakes();
/// The mistake with this name; null if there is none.
const Mistake* find_mistake(const std::string& name);

/// Makes one mistake wherever it applies on the tape, in f64 tensors in memory that the host can write.
class MistakeMaker final : public TapeObserver {
 public:
  /// Only in nodes of `scope`, such as "h.0", and below it; everywhere if empty. `targets` is the number of
  /// targets that are not ignored.
  MistakeMaker(const Mistake& mistake, std::string scope, int64_t targets);

  /// The number of gradients changed so far.
  int64_t changes() const { return changes_; }
  /// The number of changed gradients whose shape differs from their tensor's, which the tape rejects
  /// (`Grads::give`).
  int64_t misshapen() const { return misshapen_; }

  void recorded(const Node& node, const Tensor& y) override;
  void before_backward(const Node& node, const Tensor& dy) override;
  void after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) override;
  void completed(const Variable& leaf) override;

  // For the mistakes: the node whose backward has run, and its input.
  const Node& node() const { return *node_; }
  size_t input() const { return input_; }
  /// Whether the node is this operation and the input is this one.
  bool is(const char* op, size_t input) const;
  Contribution how() const { return how_; }
  int64_t targets() const { return targets_; }
  /// Whether the input is a leaf.
  bool of_leaf() const { return edge().from == Edge::From::leaf; }
  /// Whether another node of this pass has the same input.
  bool shared() const;
  /// The gradient of the node's output, row-major, and its number of columns.
  const std::vector<double>& dy() const { return dy_; }
  size_t columns() const { return columns_; }
  /// The node's output; the value of input i, if another node has computed it, else empty.
  const std::vector<double>& output() const;
  std::vector<double> value_of(size_t i) const;
  /// The value that the node saved under this name; empty if none.
  std::vector<double> saved(const std::string& name) const;
  const Shape& input_shape() const { return edge().shape; }
  /// The gradient before the node added to it: zeros for the first contribution.
  const std::vector<double>& before() const { return before_; }
  /// The contribution of the node.
  std::vector<double> contribution() const;
  /// The complete gradient of this leaf in the previous pass; empty in the first pass.
  const std::vector<double>& previous() const;
  /// Replaces the contribution of the node.
  void contribute(const std::vector<double>& changed);
  /// The same for a contribution of this shape, as in the mistaken code.
  void contribute(const std::vector<double>& changed, const Shape& shape);
  /// Replaces the gradient, with all earlier contributions.
  void replace(const std::vector<double>& changed);

 private:
  const Edge& edge() const { return edges_.at(node_->id)[input_]; }
  bool in_scope(const Node& node) const;

  const Mistake& mistake_;
  std::string scope_;
  int64_t targets_, changes_ = 0, misshapen_ = 0;
  std::map<int64_t, std::vector<Edge>> edges_;
  std::map<int64_t, Tensor> outputs_;
  std::map<std::string, std::vector<double>> so_far_,
      previous_;  // gradients of tensors, and of leaves in the previous pass
  std::vector<double> dy_, before_, after_, output_, none_;
  size_t columns_ = 1, input_ = 0;
  const Node* node_ = nullptr;
  const Tensor* grad_ = nullptr;
  Contribution how_ = Contribution::none;
};

}  // namespace hewn

#pragma once
// Trains a small model with a student's function in place of the engine's backward pass. The engine is
// unchanged: an observer of the tape replaces the contributions of nodes.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/learn/judge/matrix.h"
#include "apps/learn/process.h"
#include "core/tape.h"
#include "model/model.h"

namespace hewn::cli::learn {

/// A node whose backward pass is about to run.
class NodeAt {
 public:
  NodeAt(const Node& node, const std::vector<Tensor>& inputs, const Tensor& output, const Tensor& dy)
      : node_(node), inputs_(inputs), output_(output), dy_(dy) {}

  const Node& node() const { return node_; }
  /// Whether the node has this input, rather than omitting it.
  bool has(size_t input) const { return input < inputs_.size() && inputs_[input].defined(); }
  /// Whether two inputs are the same tensor.
  bool is_same(size_t i, size_t j) const { return inputs_[i].data() == inputs_[j].data(); }
  /// Leading dimensions count as rows.
  Matrix input(size_t i) const { return matrix_of(inputs_[i]); }
  Matrix output() const { return matrix_of(output_); }
  Matrix dy() const { return matrix_of(dy_); }
  /// Replaces the node's contribution to the gradient of an input; other inputs keep the engine's.
  void contribute(size_t input, Matrix gradient) { contributions_[input] = std::move(gradient); }
  const std::map<size_t, Matrix>& contributions() const { return contributions_; }

 private:
  const Node& node_;
  const std::vector<Tensor>& inputs_;
  const Tensor &output_, &dy_;
  std::map<size_t, Matrix> contributions_;
};

/// The nodes that a function replaces.
struct Replaced {
  const char* op;  ///< the operation of the nodes: "linear"
  std::function<void(NodeAt& at)> backward;
};

/// A pending update of one parameter. The matrices are lists.
struct UpdateAt {
  Matrix g;        ///< its gradient, clipped
  Matrix w, m, v;  ///< its values and moments before the step, which the function replaces
  double learning_rate, beta1, beta2, eps, weight_decay;
  int step;  ///< counted from 1
};

/// The training at the end of a check.
struct Training {
  const Sender& send;     ///< prints text ('t') and signals progress (' ')
  std::string keep = {};  ///< the run directory to write; "": none

  /// Trains a one-layer model on the built-in tales twice in float64, with the engine's backward pass and
  /// with the student's, and reports both losses and a text of the second model. `unfold` composes fused
  /// operations of simple ones; `keys` are keys of `hewn train`, as {"act", "swiglu"}.
  void run(const Replaced& replaced, bool unfold,
           const std::vector<std::pair<std::string, std::string>>& keys = {}) const;
  /// The same, with this model in place of the engine's; it declares the same parameters in the same order.
  /// `calls` counts its calls of the function.
  void run(const std::function<std::unique_ptr<Model>(const ModelConfig& config)>& declare,
           const std::function<int64_t()>& calls,
           const std::vector<std::pair<std::string, std::string>>& keys = {}) const;
  /// The same, with this function in place of the engine's AdamW.
  void run(const std::function<void(UpdateAt& at)>& update) const;
};

}  // namespace hewn::cli::learn

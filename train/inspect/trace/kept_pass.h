#pragma once
// All values and gradients of a pass, and their distance from those of another pass.

#include <map>
#include <string>
#include <vector>

#include "core/tape.h"
#include "model/model.h"
#include "train/inspect/trace/trace.h"

namespace hewn {

/// The value of a node or of a leaf, and its gradient; empty if none arrived.
struct KeptTensor {
  std::string place;  ///< "h.0.attn softmax", see `place_of`, or the leaf's name
  std::vector<double> value, grad;
};

/// Keeps copies of everything that the tape computes. Omits casts, which depend on device and type.
class PassKeeper final : public TapeObserver {
 public:
  void recorded(const Node& node, const Tensor& y) override;
  void before_backward(const Node& node, const Tensor& dy) override;

  /// Notes a leaf with its gradient, after the pass.
  void note_leaf(const std::string& name, const Tensor& leaf);
  const std::vector<KeptTensor>& nodes() const { return nodes_; }
  const std::vector<KeptTensor>& leaves() const { return leaves_; }

 private:
  std::vector<KeptTensor> nodes_, leaves_;
  std::map<int64_t, size_t> of_node_;
};

struct KeptDistance {
  std::string place;
  double value = 0;
  double grad = 0;  ///< NaN if there is no gradient
};

struct PassDistance {
  std::vector<KeptDistance> nodes, leaves;
  /// The first node that the other pass lacks at its position; "" if the tapes match. Later nodes are not
  /// compared.
  std::string parted;
};

/// Compares two passes node by node, in their order.
PassDistance distance_of(const PassKeeper& other, const PassKeeper& reference);

// The step of the optimizer that follows a traced pass.

/// Takes the first step of AdamW, whose moments begin at 0, from the gradients of the pass, with the default
/// settings of a run and without warm-up. Adds the step to the trace, and to its leaves both moments and the
/// new values, with all elements if there are at most `most_values`. Restores the parameters afterwards,
/// since the nodes of the pass refer to their old values.
void take_first_update(Model& model, Trace& trace, int64_t most_values);

}  // namespace hewn

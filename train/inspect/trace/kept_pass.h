#pragma once
// All values and gradients of a pass, and their distance from those of another pass.

#include <map>
#include <string>
#include <vector>

#include "core/tape.h"

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

}  // namespace hewn

#pragma once
// A pass of a model over one sequence, kept for visualising its internals.

#include <cstdint>
#include <vector>

#include "core/tape.h"
#include "model/gpt.h"
#include "train/inspect/lens/attention_maps.h"

namespace hewn {

/// The inner layer of a block's MLP: input and output of the activation, [T, F] each.
struct MlpUnits {
  std::vector<double> before,
      after;  ///< gated activation: `before` is the gate, `after` its product with the other half
  int64_t F = 0;
};

/// Bytes in use on the device at one point of the pass.
struct MemoryMoment {
  bool backward = false;  ///< a node was freed; false: one was recorded
  size_t bytes = 0;
};

/// Keeps the values of a transformer's pass. Everything but `memory` stays empty for other models.
class LensPass final : public TapeObserver {
 public:
  explicit LensPass(const ModelConfig& config);

  void recorded(const Node& node, const Tensor& y) override;
  void freed(int64_t id) override;

  /// The residual stream [1, T, C] after the embeddings and after each block.
  const std::vector<Tensor>& stream() const { return stream_; }
  const std::vector<AttentionMaps>& attention() const {
    return attention_;
  }                                                              ///< by layer; empty unless it is fused
  const std::vector<MlpUnits>& units() const { return units_; }  ///< by layer
  const std::vector<MemoryMoment>& memory() const { return memory_; }

 private:
  ModelConfig config_;
  std::vector<Tensor> stream_;
  std::vector<AttentionMaps> attention_;
  std::vector<MlpUnits> units_;
  std::vector<MemoryMoment> memory_;
  Device* device_ = nullptr;
};

/// Runs the model over `tokens` [T] forward and backward, for these targets [T] (see `Model::loss`), and returns the
/// loss. The model must have gradients.
double run_pass(Model& model, const std::vector<int32_t>& tokens, const std::vector<int32_t>& targets,
                LensPass& pass);

}  // namespace hewn

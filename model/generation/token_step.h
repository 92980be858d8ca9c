#pragma once
// A decoding step: one new token for each of several sequences.

#include <cstdint>
#include <vector>

#include "core/base/not_copied.h"
#include "kernels/devices/captured_work.h"
#include "model/model.h"

namespace hewn {

/// Tokens [B, T] on the model's device. Throws input if one is not in the vocabulary; here on a GPU, in the
/// embedding on a CPU.
Tensor tokens_on_device(const Model& model, const std::vector<int32_t>& tokens, const Shape& shape);

/// Runs a model on one new token of each sequence. On a GPU the kernels of a step are one CUDA graph: kernels
/// read tokens and positions from device memory, so that one graph serves all tokens.
class TokenStep : NotCopied {
 public:
  /// `graphs` is false to launch kernels one by one; the logits have the same bits.
  explicit TokenStep(Model& model, bool graphs = true);
  ~TokenStep();

  /// Logits [B, V], row-major, for the position after `tokens` [B], which are appended to the cache or caches
  /// of `options`.
  std::vector<double> logits(const std::vector<int32_t>& tokens, ForwardOptions options);
  /// The number of steps that were replayed as graphs.
  int64_t replays() const { return work_.replays(); }

 private:
  void make_room(int64_t sequences);
  std::vector<double> found(int64_t sequences) const;

  Model& model_;
  Executor& device_;
  bool graphs_;
  // On a GPU:
  CapturedWork work_;
  std::vector<const void*> addresses_;  // of the caches that the graph continues
  Tensor inputs_;                       // i32 [2, B, 1]: tokens, then their positions
  void* logits_ = nullptr;              // [B, V] in pinned memory
  DType dtype_ = DType::f32;            // of the logits
  GpuRuntime::Event done_ = nullptr;    // after they have been copied there
};

}  // namespace hewn

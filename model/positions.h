#pragma once
// Position embeddings from a table with one row per position: learned (GPT-2) or sinusoidal (Vaswani et al.,
// "Attention is all you need", 2017, section 3.5). Rotary positions are applied in model/attention.h.

#include <map>
#include <utility>

#include "model/model.h"

namespace hewn {

class PositionTable {
 public:
  /// Declares transformer.wpe.weight [block_size, width] for learned positions. `width` is the width of
  /// the token embeddings.
  PositionTable(Parameters& parameters, const ModelConfig& config, int64_t width);

  /// Whether the config uses a table: not with rotary positions or none.
  bool exists() const { return kind_ == Positions::learned || kind_ == Positions::sinusoidal; }
  /// All rows: [block_size, width].
  const Tensor& rows();
  /// The row of each token [B, T], counted from the length of its cache: [B, T, width], of type `result`.
  Tensor rows_of(const Tensor& tokens, const ForwardOptions& options, DType result);

 private:
  /// The position of each token, i32 [B, T].
  Tensor positions_of(const Tensor& tokens, const ForwardOptions& options);

  Parameters& parameters_;
  Positions kind_;
  double scale_;  // of sinusoids
  int64_t length_, width_;
  Parameter* wpe_ = nullptr;
  Tensor sinusoids_;                                         // [block_size, width], computed on first use
  std::map<std::pair<int64_t, int64_t>, Tensor> positions_;  // of training batches [B, T], likewise
};

}  // namespace hewn

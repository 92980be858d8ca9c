#pragma once
// An opened model and the rows that show its insides. Each function makes one row (docs/formats.md).

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apps/report/rows.h"
#include "apps/run/open_run.h"
#include "model/gpt.h"
#include "train/inspect/lens/pass.h"

namespace hewn::cli {

struct InspectedModel {
  OpenRun run;                  ///< the model has gradients unless it is counted
  Gpt* gpt = nullptr;           ///< the model, if it is a transformer
  std::vector<int32_t> tokens;  ///< of the text: all but the last are read, all but the first are targets
  std::string of_text;          ///< where it comes from
  uint64_t seed = 1;

  const ModelConfig& config() const { return run.model->config(); }
  const Tokenizer* tokenizer() const { return run.tokenizer.get(); }
  /// The text of a token, with bytes that are no characters as "\xE2"; "#7" without a tokenizer, and for ids that it
  /// does not have.
  std::string piece(int32_t id) const;
  /// A token as data: `id` and `text`.
  Row token(int32_t id) const;
};

/// A number with six digits; null unless it is finite.
Row short_number(double x);
/// The kind of a token, by which points are coloured: "digits", "small letters".
std::string kind_of_token(const Tokenizer* tokenizer, int32_t id);

Row attention_row(const InspectedModel& model, const LensPass& pass);
Row activations_row(const InspectedModel& model, const LensPass& pass);
Row memory_row(const InspectedModel& model, const LensPass& pass);
Row lens_row(const InspectedModel& model, const LensPass& pass);
Row gradient_row(const InspectedModel& model, const LensPass& pass, double loss);
Row embeddings_row(const InspectedModel& model);
Row positions_row(const InspectedModel& model);
Row decoding_row(const InspectedModel& model, const Settings& settings);
/// Texts by untrained weights and by checkpoints of the run.
Row sampled_texts_row(const InspectedModel& model, const Settings& settings);

}  // namespace hewn::cli

#pragma once
// The formats of export.h, each in its own file, and what they share. Only these files use this header.

#include <string>

#include "model/weights/export.h"
#include "model/weights/outgoing.h"

namespace hewn::exporting {

/// Each writes one format to `path`, which does not exist or is a file that may be replaced.
Exported write_huggingface(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_own(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_llama2c(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_gguf(const ForeignModel& model, const std::string& path, const ExportOptions& options);

/// The families that other programs know.
enum class Family : uint8_t { gpt2, llama };

/// Collects the settings of a model that a format cannot express.
class Unsayable {
 public:
  explicit Unsayable(std::string format) : format_(std::move(format)) {}
  /// Notes a setting, "norm_place = post", and the format's value `instead`, unless the setting is `right`.
  void unless(bool right, const std::string& setting, const std::string& instead);
  /// Throws ErrorCode::usage with all notes.
  void check() const;

 private:
  std::string format_, wrong_;
};

/// Notes that a format has language models only, if the model is a classifier.
void unless_classifier(const ModelConfig& config, Unsayable& unsayable);

/// Llama if positions are rotary, otherwise GPT-2. Notes in `unsayable` every setting in which the model
/// differs from its family.
Family family_of(const ModelConfig& config, Unsayable& unsayable);

/// The configuration to write: the context cropped, biases everywhere or nowhere, rotary pairs as `pairs`,
/// and no window if it covers the whole context.
ModelConfig recast_config(const ModelConfig& config, const ExportOptions& options, Family family,
                          RotaryPairs pairs);

}  // namespace hewn::exporting

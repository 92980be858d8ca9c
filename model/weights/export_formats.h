#pragma once
// The formats of export.h, each in its own file, and what they share. Only these files use it.

#include <string>

#include "model/weights/export.h"
#include "model/weights/outgoing.h"

namespace hewn::exporting {

/// Each writes one format at `path`, which is free or a file that may be replaced.
Exported write_huggingface(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_own(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_llama2c(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_gguf(const ForeignModel& model, const std::string& path, const ExportOptions& options);

/// The families that other programs know.
enum class Family : uint8_t { gpt2, llama };

/// Collects what a format cannot say of a model.
class Unsayable {
 public:
  explicit Unsayable(std::string format) : format_(std::move(format)) {}
  /// Notes a setting, "norm_place = post", with what the format has instead, unless it is as it should be.
  void unless(bool right, const std::string& setting, const std::string& instead);
  /// Throws ErrorCode::usage with all that was noted.
  void check() const;

 private:
  std::string format_, wrong_;
};

/// Llama's where positions are rotary, else GPT-2's. Throws ErrorCode::usage with all the settings in which
/// the model differs from its family, whatever the format.
Family family_of(const ModelConfig& config, Unsayable& unsayable);

/// The configuration to write: the context cropped, biases everywhere or nowhere, rotary pairs as `pairs`, no
/// window where none is felt. Throws ErrorCode::usage for a longer context than the model's.
ModelConfig recast_config(const ModelConfig& config, const ExportOptions& options, Family family,
                          RotaryPairs pairs);

/// The special tokens that begin and end a text for other programs, null where there is none: "<s>" and
/// "</s>" of Llama's kind, of others "<|endoftext|>" for both.
struct TextEnds {
  const Special* begin = nullptr;
  const Special* end = nullptr;
};
TextEnds text_ends(const Tokenizer* tokenizer);

}  // namespace hewn::exporting

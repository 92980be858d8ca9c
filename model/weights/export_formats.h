#pragma once
// The formats of export.h, each in its own file, and their shared functions. Only these files use this
// header.

#include <functional>
#include <string>

#include "model/weights/export.h"
#include "model/weights/outgoing.h"

namespace hewn::exporting {

/// Each function writes one format to `path`, which must not exist or be a file that may be replaced.
Exported write_huggingface(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_own(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_llama2c(const ForeignModel& model, const std::string& path, const ExportOptions& options);
Exported write_gguf(const ForeignModel& model, const std::string& path, const ExportOptions& options);

/// The families that other programs know.
enum class Family : uint8_t { gpt2, llama };

/// Llama if positions are rotary, otherwise GPT-2. Throws ErrorCode::usage, with the name of the format, if
/// it is not a transformer.
Family family_of(const ModelConfig& config, const char* format);

/// Throws ErrorCode::usage, naming every key that differs between `as` and the configuration that `read`, the
/// format's importer, returns for the output. Ignores keys that the model does not use or that do not affect
/// inference. Reals are compared as float, as formats store them.
void require_same_model(const char* format, const ModelConfig& as, const std::function<ModelConfig()>& read);

/// The configuration to write: the context cropped, biases everywhere or nowhere, rotary pairs as `pairs`,
/// and no window if it covers the whole context.
ModelConfig recast_config(const ModelConfig& config, const ExportOptions& options, Family family,
                          RotaryPairs pairs);

}  // namespace hewn::exporting

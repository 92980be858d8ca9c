#pragma once
// Writes models in the formats of other programs.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/weights/foreign.h"

namespace hewn {

struct ExportOptions {
  DType dtype = DType::f32;  ///< of matrices, and of vectors if the format allows: f32, f16 or bf16
  int64_t block_size = 0;    ///< crops the context; 0: the model's
  /// Replaces the model's activation; only gelu and gelu_erf can replace each other. A note reports the
  /// change of the logits.
  std::optional<MlpActivation> act = {};
  /// How the messages of a chat become a text, as Jinja; hf and gguf store it with the tokenizer. "": none.
  std::string chat_template = {};
  bool force = false;  ///< replace an existing file; move an existing directory to PATH.1
};

struct Exported {
  std::vector<std::string> files;  ///< paths of the files written
  std::vector<std::string> notes;  ///< differences from the model, one sentence each
};

/// The names of the formats: hf, safetensors, llama2c, gguf.
std::vector<std::string_view> export_formats();

/// Writes the model so that other programs compute the same results. Settings that a format cannot express
/// are refused (ErrorCode::usage) before anything is written; so is an existing path, without `force`. A file
/// or directory appears completely or not at all. Throws ErrorCode::failed if it cannot be written.
Exported export_model(const ForeignModel& model, std::string_view format, const std::string& path,
                      const ExportOptions& options = {});

}  // namespace hewn

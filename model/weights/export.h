#pragma once
// Models in the formats of other programs.

#include <string>
#include <string_view>
#include <vector>

#include "model/weights/foreign.h"

namespace hewn {

struct ExportOptions {
  DType dtype =
      DType::f32;          ///< of matrices, and of vectors too where the format has them so: f32, f16 or bf16
  int64_t block_size = 0;  ///< crops the context; 0: the model's
  bool force = false;      ///< what is at the path may go: a file is replaced, a directory moved to PATH.1
};

struct Exported {
  std::vector<std::string> files;  ///< written, with their paths
  std::vector<std::string> notes;  ///< what is not as in the model, a sentence each
};

/// The names of the formats: hf, safetensors, llama2c, gguf.
std::vector<std::string_view> export_formats();

/// Writes the model so that other programs compute what this one does. What a format has no words for is
/// refused (ErrorCode::usage) before anything is written, as is a path that exists, without `force`. A file
/// appears whole or not at all, and so does a directory. Throws ErrorCode::failed when it cannot be written.
Exported export_model(const ForeignModel& model, std::string_view format, const std::string& path,
                      const ExportOptions& options = {});

}  // namespace hewn

#pragma once
// Models in llama2.c's format (github.com/karpathy/llama2.c, export.py and run.c): a header of sizes, then
// float32 values without names, each tensor for all layers. Version 0 begins with its sizes, version 1 with
// "ak42"; the quantised version 2 is refused.

#include <filesystem>
#include <string>
#include <string_view>

#include "model/weights/foreign.h"

namespace hewn {

/// Whether the file's name ends in .bin; `open_llama2c` checks the content.
bool looks_like_llama2c(const std::filesystem::path& path);

/// The model that the header of such a file describes. Throws ErrorCode::input.
ModelConfig llama2c_config(std::string_view header);

/// Opens such a file, with the tokenizer.bin or tokN.bin next to it, where N is the vocabulary size. The
/// file's size must be exactly as its header implies. Throws ErrorCode::input.
ForeignModel open_llama2c(const std::string& path);

}  // namespace hewn

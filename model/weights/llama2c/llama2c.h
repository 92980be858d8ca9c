#pragma once
// Models as llama2.c keeps them (github.com/karpathy/llama2.c, export.py and run.c): a header of sizes, then
// float32 values without names, tensor after tensor, each for all layers. Version 0 begins with its sizes,
// version 1 with "ak42"; the quantised version 2 is refused.

#include <filesystem>
#include <string>

#include "model/weights/foreign.h"

namespace hewn {

/// Whether a path is a file of that ending, .bin; what is in it, `open_llama2c` finds out.
bool looks_like_llama2c(const std::filesystem::path& path);

/// Opens such a file, with tokenizer.bin or tokN.bin beside it, N the size of the vocabulary. The file has to
/// have exactly the bytes that its header asks for. Throws ErrorCode::input.
ForeignModel open_llama2c(const std::string& path);

}  // namespace hewn

#pragma once
// Importance matrices of llama.cpp: how large the inputs of each matrix are (tools/imatrix of
// github.com/ggml-org/llama.cpp), as GGUF files or in the older format of .dat files.

#include <map>
#include <string>
#include <vector>

namespace hewn {

/// Whether a file is one of these: a GGUF file, or one whose name ends with .dat.
bool looks_like_importance(const std::string& path);

/// The mean square of each input column, by the name of the tensor in GGUF files: "blk.0.attn_q.weight". Throws
/// ErrorCode::input for files that are cut short, name a tensor twice, or have numbers that are negative, infinite or
/// not numbers.
std::map<std::string, std::vector<float>> read_importance(const std::string& path);

}  // namespace hewn

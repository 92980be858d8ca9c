#pragma once
// Importance matrices of llama.cpp: the mean squares of each matrix's inputs (tools/imatrix of
// github.com/ggml-org/llama.cpp), as GGUF files or in the older format of .dat files.

#include <map>
#include <string>
#include <vector>

namespace hewn {

/// Whether a file is an importance matrix: a GGUF file, or a name that ends with .dat.
bool looks_like_importance(const std::string& path);

/// The mean square of each input column, by the name of the tensor in GGUF files: "blk.0.attn_q.weight".
/// Throws ErrorCode::input for truncated files, duplicate tensors, and numbers that are negative, infinite or
/// NaN.
std::map<std::string, std::vector<float>> read_importance(const std::string& path);

}  // namespace hewn

#pragma once
// Importance matrices of llama.cpp: the mean squares of each matrix's inputs (tools/imatrix of
// github.com/ggml-org/llama.cpp), as GGUF files or in the older format of .dat files.

#include <cstddef>
#include <cstdint>
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

/// The cost of a matrix in one of its possible formats.
struct FormatCost {
  int64_t bytes = 0;
  double divergence = 0;
};

/// Selects one format per matrix, as an index into its costs, so that all bytes together are at most `most`
/// and the total divergence is small. Starts from the smallest formats and always takes the step that saves
/// the most divergence per byte, on the convex hull of each matrix's costs (Everett 1963, "Generalized
/// Lagrange Multiplier Method"). Empty if the smallest formats do not fit.
std::vector<size_t> allocate_bits(const std::vector<std::vector<FormatCost>>& matrices, int64_t most);

}  // namespace hewn

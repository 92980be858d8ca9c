#pragma once
// The formats of the tensors in a quantised GGUF file: the mixtures of llama.cpp
// (github.com/ggml-org/llama.cpp, src/llama-quant.cpp), under its names.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"
#include "model/named_tensors.h"

namespace hewn {

struct Mixture {
  std::string_view name;  ///< "q4_k_m"
  uint32_t file_type;     ///< its number in files (llama.h, llama_ftype)
  /// The format of most matrices: blocks, or a plain type.
  std::optional<BlockType> blocks = {};
  DType dtype = DType::f32;
  bool one_scale = false;  ///< see TensorEntry

  /// Whether it is smaller than float32.
  bool is_smaller() const { return blocks || dtype != DType::f32; }
};

/// All mixtures, the most exact first.
std::span<const Mixture> mixtures();
/// Throws ErrorCode::usage listing all names.
const Mixture& find_mixture(std::string_view name);

/// A format chosen for the tensors whose names match a pattern, with `*` for any characters.
struct ChosenFormat {
  std::string pattern;
  std::string format;  ///< the name of a block format or of a type: "q4_0", "bf16"
};

/// Sets the type of each tensor according to the first matching choice, else the mixture. Vectors and learned
/// positions stay float32. A matrix whose row length is not a multiple of its format's block size gets
/// another format that fits; the result has one sentence for all matrices with the same row length and
/// formats. Throws ErrorCode::usage for an unknown format and for a pattern that matches no matrix.
std::vector<std::string> choose_formats(const Mixture& mixture, const std::vector<ChosenFormat>& choices,
                                        const ModelConfig& config, std::vector<TensorEntry>& entries);

/// A list of names, shortened: "a, b, c, d and 8 more".
std::string first_names(const std::vector<std::string>& names);

/// Whether a choice names this matrix.
bool is_chosen(const std::vector<ChosenFormat>& choices, const TensorEntry& entry);

/// A matrix in each format that its row length allows; empty for a tensor that stays float32.
std::vector<TensorEntry> possible_formats(const TensorEntry& entry);

/// The number in files (llama_ftype) of the format of most weights.
uint32_t file_type_of(const std::vector<TensorEntry>& entries);

}  // namespace hewn

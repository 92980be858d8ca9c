#pragma once
// Different ways of computing the same logits: a text alone or among others, its prompt at once or in pieces.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/generation/context.h"

namespace hewn {

struct TextWay {
  std::string name;    ///< "in pieces of 7 tokens"
  size_t at_once = 1;  ///< number of texts continued together, sharing common prefixes
  int64_t piece = 0;   ///< tokens of a prompt per forward pass; 0: all
  ContextOptions context = {};
};

/// Texts of random tokens, 1 to `most` long, of a model with `vocab_size` tokens. Every second text shares a
/// prefix with the previous one. The same seed gives the same texts.
std::vector<std::vector<int32_t>> random_prompts(int64_t number, int64_t most, int64_t vocab_size,
                                                 uint64_t seed);

/// Continues each prompt greedily by `more` tokens, and returns a checksum of the logits per token, text by
/// text. `stop` is called before each step; once it returns true, the remaining checksums are missing.
std::vector<uint64_t> checksums_of_logits(Model& model, std::span<const std::vector<int32_t>> prompts,
                                          int64_t more, const TextWay& way,
                                          const std::function<bool()>& stop);

}  // namespace hewn

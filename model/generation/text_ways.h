#pragma once
// Different ways to the same logits: a text by itself or among others, its prompt at once or in pieces.

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "model/generation/context.h"

namespace hewn {

struct TextWay {
  std::string name;    ///< "in pieces of 7 tokens"
  size_t at_once = 1;  ///< texts that are continued together and share what they begin with
  int64_t piece = 0;   ///< tokens of a prompt that go through the model at a time; 0: all
  ContextOptions context = {};
};

/// Texts of random tokens, 1 to `most` long, of a model with `vocab_size` tokens. Each second one begins like the one
/// before it. The same seed gives the same texts.
std::vector<std::vector<int32_t>> random_prompts(int64_t number, int64_t most, int64_t vocab_size,
                                                 uint64_t seed);

/// Continues each prompt by `more` tokens, the likeliest ones, and returns checksums of the logits of each, of every text
/// in turn. `stop` is called before each step; if it returns true, the rest is missing.
std::vector<uint64_t> checksums_of_logits(Model& model, std::span<const std::vector<int32_t>> prompts,
                                          int64_t more, const TextWay& way,
                                          const std::function<bool()>& stop);

}  // namespace hewn

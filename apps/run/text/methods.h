#pragma once
// The decoding methods that `hewn sample --compare` and `hewn eval --generate` compare.

#include <optional>
#include <string>
#include <vector>

#include "apps/run/text/prompts.h"
#include "model/generation/beam.h"

namespace hewn::cli {

/// A way to continue a prompt: sampling, or a beam search.
struct DecodingMethod {
  std::string name;   ///< "top_k"
  std::string label;  ///< with its value: "top_k=10 at temperature=0.8"
  GenerateOptions options = {};
  std::optional<BeamOptions> beam = {};
};

/// Greedy decoding, beam search, three temperatures and every other sampling method, each with a typical
/// value unless the settings override it.
std::vector<DecodingMethod> decoding_methods(const Settings& settings, const TextEncoder& texts,
                                             const Ends& ends);

}  // namespace hewn::cli

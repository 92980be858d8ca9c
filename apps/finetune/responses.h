#pragma once
// responses.json: a model's answers and the references (docs/formats.md).

#include <string>
#include <vector>

#include "model/model.h"
#include "train/tasks/instruct_rows.h"

namespace hewn::cli {

/// Generates the last answer of each talk greedily, and writes a list of {"instruction", "input", "output",
/// "response"} atomically to `path`. Returns false, and writes nothing, if a signal stopped it.
bool write_responses(const std::string& path, Model& model, const TalkEncoder& encoder,
                     const std::vector<Talk>& talks, int64_t max_new_tokens);

}  // namespace hewn::cli

#pragma once

#include <string>
#include <vector>

#include "apps/run/open_run.h"
#include "model/model.h"
#include "train/tasks/instruct_rows.h"
#include "train/tasks/task.h"

namespace hewn::cli {

/// `hewn eval` of a fine-tuned run without a text: prints its scores on its own validation and test rows, as
/// at the end of its training. Throws ErrorCode::input if the rows differ from those it was trained on.
int eval_own_rows(const Settings& settings, const OpenRun& run, const Task& task);

// responses.json: a model's answers and the references (docs/formats.md).

/// Generates the last answer of each talk greedily, and writes a list of {"instruction", "input", "output",
/// "response"} atomically to `path`. Returns false, and writes nothing, if a signal stopped it.
bool write_responses(const std::string& path, Model& model, const TalkEncoder& encoder,
                     const std::vector<Talk>& talks, int64_t max_new_tokens);

}  // namespace hewn::cli

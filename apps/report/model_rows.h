#pragma once
// The rows of a report that need a run's model: what it computes for one text.

#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/report/rows.h"

namespace hewn::cli {

/// Opens the model of a run, or another program's, and adds to `out`, the rows of that run: decoding, attention,
/// embeddings, positions, activations, lens, gradient and memory; and texts by checkpoints, if `out` has none.
/// `settings` are those of `hewn report`; the text is theirs, else `tokens`, else one by the model. Rows that the model
/// does not have say so.
void add_model_rows(Row& out, const Settings& settings, const std::string& path,
                    const std::vector<int32_t>& tokens);

/// All of these rows without data, for this reason.
void add_no_model_rows(Row& out, const std::string& reason, const std::string& command);

}  // namespace hewn::cli

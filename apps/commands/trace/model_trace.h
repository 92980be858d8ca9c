#pragma once
// The tape of a model's forward and backward pass over a text.

#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "train/inspect/trace/trace.h"

namespace hewn::cli {

struct TracedToken {
  int32_t id = 0;
  std::string text;
};

struct ModelTrace {
  Trace trace;
  std::vector<TracedToken>
      tokens;       ///< of the text; all but the last are inputs, all but the first are targets
  double loss = 0;  ///< mean over the targets, in nats per token
};

/// Traces the model of a run, or another program's, over the text in `text`, without dropout. Throws usage for a text of
/// fewer than two tokens or of more than the model's context.
ModelTrace trace_model(const Settings& settings);

/// The nodes of a model's trace below the parts they belong to, and its leaves.
std::string tree_text(const Trace& trace);

}  // namespace hewn::cli

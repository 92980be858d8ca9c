#pragma once
// The tape of a model's forward and backward pass over a text.

#include <memory>
#include <string>
#include <vector>

#include "apps/cli/settings.h"
#include "apps/trace/traced_model.h"
#include "kernels/contract/unfold.h"
#include "train/inspect/trace/trace.h"

namespace hewn::cli {

struct ModelTrace {
  TracedModel opened;  ///< the trace's tensors, if it keeps any, are on its device
  Trace trace;
  std::vector<TracedToken>
      tokens;       ///< of the text; all but the last are inputs, all but the first are targets
  double loss = 0;  ///< mean over the targets, in nats per token
};

/// Makes a recorder keep the data for `node` and `step`, if they are given.
void keep_what_is_asked(const Settings& settings, TraceRecorder& recorder);

/// The loss of the text under the model.
Tensor loss_of(const TracedModel& opened);

/// If `unfold` is given, composes fused operations of simple ones while the result lives; else null.
std::unique_ptr<Unfold> unfolded_if_asked(const Settings& settings);

/// Traces the model of `open_traced_model` over the text in `text`, without dropout. Throws like it.
ModelTrace trace_model(const Settings& settings);

/// A tree of a trace: the model's parts, their nodes with the time of their kernels, and the leaves.
std::string tree_text(const Trace& trace);

}  // namespace hewn::cli

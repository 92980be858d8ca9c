#pragma once
// The step of the optimizer that follows a traced pass.

#include "model/model.h"
#include "train/inspect/trace/trace.h"

namespace hewn {

/// Takes the first step of AdamW, whose moments begin at 0, from the gradients of the pass, with the default
/// settings of a run and without warm-up. Adds the step to the trace, and to its leaves both moments and the
/// new values, with all elements if there are at most `most_values`. Restores the parameters afterwards,
/// since the nodes of the pass refer to their old values.
void take_first_update(Model& model, Trace& trace, int64_t most_values);

}  // namespace hewn

#pragma once
// The step of the optimizer that follows a traced pass.

#include "model/model.h"
#include "train/inspect/trace/trace.h"

namespace hewn {

/// Takes the first step of AdamW, whose moments begin at 0, from the gradients of the pass, with the default settings of a
/// run and without warm-up. Adds to the trace the step, and to its leaves both moments and the new values, with their elements
/// if they are at most `most_values`. The parameters then have their old values again, which the nodes of the pass refer to.
void take_first_update(Model& model, Trace& trace, int64_t most_values);

}  // namespace hewn

#pragma once

#include "apps/run/open_run.h"
#include "train/tasks/task.h"

namespace hewn::cli {

/// `hewn eval` of a fine-tuned run without a text: prints its scores on its own validation and test rows, as
/// at the end of its training. Throws ErrorCode::input if the rows differ from those it was trained on.
int eval_own_rows(const Settings& settings, const OpenRun& run, const Task& task);

}  // namespace hewn::cli

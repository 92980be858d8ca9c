#pragma once
// The rows of a fine-tuned run, read again from the files that its configuration names.

#include <vector>

#include "apps/run/open_run.h"
#include "train/tasks/divided_rows.h"
#include "train/tasks/row_batches.h"
#include "train/tasks/task.h"

namespace hewn::cli {

/// The files and columns that the keys of `hewn finetune instruct` or `prefer` name, divided as the task of a run says, or
/// if it is null, as a new one is.
DataFiles talk_files(const Settings& settings, const Task* task);

/// Prints how many rows, if any, are "cut".
void say_count(int64_t rows, const std::string& what);

/// What the key `mask` says.
Mask mask_of(const Settings& settings);

/// The validation rows of a run with this configuration and task, or its training rows if there are none, as tokens of a
/// model with this context. Of preferences, those with the chosen answers.
std::vector<TrainingRow> own_rows(const Settings& config, const Task& task, const TextEncoder& texts,
                                  int64_t block_size);

/// `hewn eval` of a fine-tuned run without a text: prints its scores on its own validation and test rows, as they are
/// at the end of its training. Throws ErrorCode::input if the rows are not those that it was trained on.
int eval_own_rows(const Settings& settings, const OpenRun& run, const Task& task);

}  // namespace hewn::cli

#pragma once
// The rows of a fine-tuned run, read from the files that its configuration names.

#include <vector>

#include "apps/cli/settings.h"
#include "model/texts/texts.h"
#include "train/tasks/class_rows.h"
#include "train/tasks/instruct_data.h"
#include "train/tasks/row_batches.h"
#include "train/tasks/task.h"

namespace hewn::cli {

/// The data named by the keys of `hewn finetune classify`, with labels and division from a run's task or, if
/// that is null, labels from the keys.
ClassDataOptions class_data_options(const Settings& settings, const Task* task);

/// The files and columns named by the keys of `hewn finetune instruct` or `prefer`, with the division from a
/// run's task or, if that is null, of a new run.
DataFiles talk_files(const Settings& settings, const Task* task);

/// Prints the number of rows, if any, that are "cut".
void say_count(int64_t rows, const std::string& what);

/// The value of the key `mask`.
Mask mask_of(const Settings& settings);

/// The validation rows of a run with this configuration and task, or its training rows if there are none, as
/// tokens of a model with this context. For preferences, the rows with the chosen answers.
std::vector<TrainingRow> own_rows(const Settings& config, const Task& task, const TextEncoder& texts,
                                  int64_t block_size);

}  // namespace hewn::cli

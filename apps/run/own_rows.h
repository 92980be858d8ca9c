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

/// The data that the keys of `hewn finetune classify` name, with the labels and the division of a run's task, or if it is
/// null, with the labels that the keys give.
ClassDataOptions class_data_options(const Settings& settings, const Task* task);

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

}  // namespace hewn::cli

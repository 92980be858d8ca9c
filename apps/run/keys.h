#pragma once
// The options that commands of several rooms have: keys of configurations, of a run that is read, of writing texts, of the
// machine. A room takes what its commands need: `keys::computing("device threads")`.

#include "apps/cli/make.h"

namespace hewn::cli::keys {

/// The most that a length or a distance in tokens can be.
inline constexpr int64_t most_size = 1 << 20;

/// The dataset of a training, its tokenizer and the run: run/help/dataset.md.
Section data(std::string_view names);
/// The same for commands that train or plan without fine-tuning: all but `unknown`, `special` and `vocab_size`.
Section text_data();
/// What to assume of a dataset that is not read: vocab_size and n_labels.
Section planned();
/// The run that a command reads: out_dir, base, adapter.
Section reading(std::string_view names = "out_dir base adapter");
/// All keys of a model.
Section model();
/// init_from and the keys of a training, but dtype.
Section training();
/// One of the keys of a training.
Option training_key(std::string_view name);
/// Validation and checkpoints, with `flags` of this call, such as "dry_run force".
Section watching(std::string_view flags = "");
/// How text is generated: run/help/sampling.md.
Section sampling(std::string_view names);
/// The sampling keys of every command that generates text, and `more`.
Section generating(std::string_view more = "");
/// Device, threads and precision: run/help/computing.md.
Section computing(std::string_view names);
/// Several processes: hosts, rank_timeout.
Section ranks(std::string_view names);

/// How the text of special tokens is read.
Option special(std::string_view initial);

}  // namespace hewn::cli::keys

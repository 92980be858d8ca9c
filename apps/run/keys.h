#pragma once
// Options shared by commands of several rooms: keys of configurations, of opening runs, of generating text,
// of the machine. A room selects the options of its commands: `keys::computing("device threads")`.

#include "apps/cli/make.h"

namespace hewn::cli::keys {

/// The maximum of a length or distance in tokens.
inline constexpr int64_t most_size = 1 << 20;

/// The dataset of a training, its tokenizer and the run: run/help/dataset.md.
Section data(std::string_view names);
/// The same for commands that train or plan without fine-tuning: all except `unknown`, `special` and
/// `vocab_size`.
Section text_data();
/// Assumptions about a dataset that is not read: vocab_size and n_labels.
Section planned();
/// The run to read: out_dir, base, adapter.
Section reading(std::string_view names = "out_dir base adapter");
/// All keys of a model.
Section model();
/// init_from and the training keys, except dtype.
Section training();
/// One of the training keys.
Option training_key(std::string_view name);
/// Validation and checkpoints, with flags of a single call, such as "dry_run force".
Section watching(std::string_view flags = "");
/// How text is generated: run/help/sampling.md.
Section sampling(std::string_view names);
/// The sampling keys of every command that generates text, and `more`.
Section generating(std::string_view more = "");
/// Device, threads and precision: run/help/computing.md.
Section computing(std::string_view names);
/// Several processes: hosts, rank_timeout.
Section ranks(std::string_view names);

/// The key `special`: how special tokens in text are read.
Option special(std::string_view initial);

}  // namespace hewn::cli::keys

#pragma once

#include <vector>

#include "apps/cli/settings.h"

namespace hewn::cli {

/// `hewn verify RUN --merged`: compares the log probabilities of a run's model, as trained, with those of its
/// merged weights and of every export that Hewn can open. Returns the exit status.
int verify_merged(const Settings& settings);

/// Checks that texts have the same logits, to the last bit, alone and among others, with whole and divided
/// prompts, with and without a cache, for each of these numbers of threads. Prints a line per combination;
/// returns the exit status.
int verify_texts(const Settings& settings, const std::vector<int>& threads);

}  // namespace hewn::cli

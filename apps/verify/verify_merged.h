#pragma once

#include "apps/cli/settings.h"

namespace hewn::cli {

/// `hewn verify RUN --merged`: compares the log probabilities of a run's model, as trained, with those of its
/// merged weights and of every export that Hewn can open. Returns the exit status.
int verify_merged(const Settings& settings);

}  // namespace hewn::cli

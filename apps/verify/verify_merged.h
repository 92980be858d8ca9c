#pragma once

#include "apps/cli/settings.h"

namespace hewn::cli {

/// `hewn verify RUN --merged`: compares the log probabilities of a run's model, as it was trained, with those of its
/// merged weights and of every export that can be opened again. Returns the exit status.
int verify_merged(const Settings& settings);

}  // namespace hewn::cli

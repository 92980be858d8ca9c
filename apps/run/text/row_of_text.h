#pragma once
// A text as the tokens of a row: what `hewn trace` and `hewn gradcheck` compute a loss of.

#include <cstddef>

#include "apps/cli/settings.h"
#include "model/config.h"

namespace hewn::cli {

/// Throws usage unless the key `text` gave at least two tokens, as each is predicted from those before it, and no more
/// than the model's context and the token after it.
void check_row_of_text(const Settings& settings, size_t tokens, const ModelConfig& model);

}  // namespace hewn::cli

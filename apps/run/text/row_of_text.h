#pragma once
// A text as a row of tokens, for the loss in `hewn trace` and `hewn gradcheck`.

#include <cstddef>

#include "apps/cli/settings.h"
#include "model/config.h"

namespace hewn::cli {

/// Throws usage unless the key `text` gave at least two tokens (each is predicted from the previous ones) and
/// at most one more than the model's context.
void check_row_of_text(const Settings& settings, size_t tokens, const ModelConfig& model);

}  // namespace hewn::cli

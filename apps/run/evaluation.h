#pragma once

#include <string>

#include "train/eval.h"

namespace hewn::cli {

/// Formats an evaluation for people.
std::string evaluation_text(const Evaluation& evaluation);
/// The same as a JSON object; `checkpoint` names the evaluated checkpoint.
std::string evaluation_json(const Evaluation& evaluation, const std::string& checkpoint);

}  // namespace hewn::cli

#pragma once

#include <string>

#include "train/eval.h"

namespace hewn::cli {

/// An evaluation as lines for people.
std::string evaluation_text(const Evaluation& evaluation);
/// The same as a JSON object; `checkpoint` says of what.
std::string evaluation_json(const Evaluation& evaluation, const std::string& checkpoint);

}  // namespace hewn::cli

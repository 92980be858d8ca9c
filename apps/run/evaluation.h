#pragma once

#include <string>

#include "model/json.h"
#include "train/divergence.h"
#include "train/eval.h"

namespace hewn::cli {

/// Formats an evaluation for people.
std::string evaluation_text(const Evaluation& evaluation);
/// The same as a JSON object; `checkpoint` names the evaluated checkpoint.
std::string evaluation_json(const Evaluation& evaluation, const std::string& checkpoint);

/// Formats the divergence of a model from the original, for people and as a JSON object.
std::string divergence_text(const Divergence& divergence);
Json divergence_record(const Divergence& divergence);

}  // namespace hewn::cli

#pragma once
// Runs that were trained to answer: the prompts of their template.

#include <optional>

#include "apps/run/open_run.h"
#include "train/tasks/chat_template.h"

namespace hewn::cli {

/// The template that the run was trained with; nothing if it was not trained to answer.
std::optional<ChatTemplate> template_of_run(const OpenRun& run);

/// For `hewn sample`: writes the prompts of `instruct` with the template named by `template`, else with the run's.
/// Nothing without `instruct`. Throws usage if there is no template, or with `shots`.
std::optional<TalkEncoder> instruct_encoder(const Settings& settings, const OpenRun& run);

/// Writes prompts with the run's template. Nothing for a run without one.
std::optional<TalkEncoder> run_encoder(const OpenRun& run);

/// For `hewn chat`: writes the conversation with the run's template. Nothing for a run without one, and if `template`
/// or `shots` describe the lines.
std::optional<TalkEncoder> chat_encoder(const Settings& settings, const OpenRun& run);

}  // namespace hewn::cli

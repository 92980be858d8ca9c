#pragma once
// The prompt templates of instruction-tuned runs.

#include <optional>

#include "apps/run/open_run.h"
#include "train/tasks/chat_template.h"

namespace hewn::cli {

/// The template with which the run was trained; nothing for a run without one.
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
